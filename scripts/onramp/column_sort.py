"""
Columns of values sorted side by side: Batcher's odd-even merge sort, two levels at a time.

What bounds it is loading and storing rows. Therefore what two levels of the network do to a few
rows is done while these are at hand.
"""

from onramp.kernels import LANES, kernel, scalar_kernel

SORTED_BYTES = 24_000  # that are sorted while they stay in the first cache
SHORT_ROW = 1024  # bytes of a row that are worth a loop


@scalar_kernel
def _order(low, high):
    """Put the smaller of two values first, for each column."""
    for x in range(low.size):
        a, b = low[x], high[x]
        low[x], high[x] = min(a, b), max(a, b)


@scalar_kernel
def _order_four(first, second, third, fourth):
    """Sort four values, for each column."""
    for x in range(first.size):
        a, b, c, d = first[x], second[x], third[x], fourth[x]
        low, high, other_low, other_high = min(a, b), max(a, b), min(c, d), max(c, d)
        first[x], fourth[x] = min(low, other_low), max(high, other_high)
        b, c = max(low, other_low), min(high, other_high)
        second[x], third[x] = min(b, c), max(b, c)


@scalar_kernel
def _order_halves(first, second, third, fourth):
    """Order the first with the third, the second with the fourth, and then the middle two."""
    for x in range(first.size):
        a, b, c, d = first[x], second[x], third[x], fourth[x]
        first[x], fourth[x] = min(a, c), max(b, d)
        b, c = min(b, d), max(a, c)
        second[x], third[x] = min(b, c), max(b, c)


@scalar_kernel
def _order_last(first, second, third):
    """Order the last two of three values, then the first two, for each column."""
    for x in range(first.size):
        a, b, c = first[x], second[x], third[x]
        third[x], b = max(b, c), min(b, c)
        first[x], second[x] = min(a, b), max(a, b)


@scalar_kernel
def _order_outer(first, second, third):
    """Order the outer two of three values, then the first two, for each column."""
    for x in range(first.size):
        a, b, c = first[x], second[x], third[x]
        third[x], a = max(a, c), min(a, c)
        first[x], second[x] = min(a, b), max(a, b)


@scalar_kernel
def _pair(block, columns, low, high, end):
    """Order two rows, if the second is before the end."""
    if high < end:
        _order(block[low, columns], block[high, columns])


@scalar_kernel
def _sort_fours(block, columns):
    """Sort each four rows; the last ones may be fewer."""
    size = block.shape[0]
    for n in range(0, size, 4):
        if n + 3 < size:
            _order_four(block[n, columns], block[n + 1, columns],
                        block[n + 2, columns], block[n + 3, columns])  # fmt: skip
        else:
            _pair(block, columns, n, n + 1, size)
            _pair(block, columns, n, n + 2, size)
            _pair(block, columns, n + 1, n + 2, size)


@scalar_kernel
def _begin_merge(block, columns, run):
    """Compare rows as far apart as sorted runs are long, then those half as far apart."""
    size, half = block.shape[0], run // 2
    for base in range(0, size, 2 * run):
        for n in range(base, base + half):
            if n + run + half < size:
                _order_halves(block[n, columns], block[n + half, columns],
                              block[n + run, columns], block[n + run + half, columns])  # fmt: skip
            else:
                _pair(block, columns, n, n + run, size)
                _pair(block, columns, n + half, n + run, size)


@scalar_kernel
def _merge_on(block, columns, run, apart):
    """Compare rows that are two distances apart, then those that are one, `apart`."""
    for base in range(0, block.shape[0], 2 * run):
        end = min(base + 2 * run, block.shape[0])
        for start in range(base + apart, base + 2 * apart):
            for n in range(start, end, 4 * apart):
                third = n + 2 * apart
                second, fourth, fifth = n + apart, third + apart, third + 2 * apart
                if fourth < end:
                    _order_last(block[n, columns], block[second, columns], block[fourth, columns])
                else:
                    _pair(block, columns, n, second, end)
                if fifth < end:
                    _order_outer(
                        block[third, columns], block[fourth, columns], block[fifth, columns]
                    )
                else:
                    _pair(block, columns, third, fourth, end)


@scalar_kernel
def _end_merge(block, columns, run):
    """Compare neighbouring rows."""
    for base in range(0, block.shape[0], 2 * run):
        end = min(base + 2 * run, block.shape[0])
        for n in range(base + 1, end, 2):
            _pair(block, columns, n, n + 1, end)


@scalar_kernel
def sort_block(block):
    """Sort the values of each column in place, many columns at once; see `sort_all_columns`."""
    size, ncolumns = block.shape
    width = max(SORTED_BYTES // (size * block.itemsize), SHORT_ROW // block.itemsize)
    width -= width % LANES
    for first in range(0, ncolumns, width):
        columns = slice(first, min(first + width, ncolumns))
        _sort_fours(block, columns)
        run = 4
        while run < size:
            _begin_merge(block, columns, run)
            apart = run // 4
            while apart > 1:
                _merge_on(block, columns, run, apart // 2)
                apart //= 4
            if apart == 1:
                _end_merge(block, columns, run)
            run *= 2


@kernel
def sort_all_columns(block):
    """
    Sort the values of each column in place, all columns at once (Batcher's odd-even merge sort).

    Parameters
    ----------
    block : (nvalues, ncolumns) float32 or float64
        Without NaN.
    """
    sort_block(block)
