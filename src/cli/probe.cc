#include "cli/commands.h"

namespace turnpike::cli {}
