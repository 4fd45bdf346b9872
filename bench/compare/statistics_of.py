"""Medians with their spread, ratios of pairs that ran side by side, and what may be said of a bar."""


# From the best that may be said of a bar to the worst.
WORSE = ("met", "not shown", "missed")


def quantile(values, share):
    """Linear between the two nearest."""
    ordered = sorted(values)
    if not ordered:
        return None
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def spread(values):
    """(median, lower quartile, upper quartile)"""
    return quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)


def ratios(ours, theirs):
    """Round by round, since what disturbs the machine disturbs both of a round."""
    return [a / b for a, b in zip(ours, theirs) if b]


def verdict(ratio_values, bar):
    """'met' or 'missed' when all of the interquartile range is on one side of the bar, else 'not shown'."""
    if bar is None or not ratio_values:
        return ""
    _, low, high = spread(ratio_values)
    if high <= bar:
        return "met"
    return "missed" if low > bar else "not shown"


def verdict_at_least(ratio_values, bar):
    """The same for what is better the more it is."""
    if bar is None or not ratio_values:
        return ""
    _, low, high = spread(ratio_values)
    if low >= bar:
        return "met"
    return "missed" if high < bar else "not shown"
