// Belongs to the target that precompiles heads, which needs a source.
