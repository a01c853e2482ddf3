"""Interpixel capacitance: convolution with the ipc reference's kernel."""

import numpy as np

from onramp.kernels import kernel


def correct(data, ipc_kernel, light):
    """
    Convolve the light-sensitive pixels of a band, in place; reference pixels stay as they are.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) float32
        Signal [DN].
    ipc_kernel : (ky, kx) or (ky, kx, ny, nx) float32
        One kernel for all pixels, or one each.
    light : (slice, slice)
        Rows and columns that see light; zero is assumed beyond them.
    """
    rows, columns = light
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    if ipc_kernel.ndim == 2:
        ipc_kernel = np.broadcast_to(ipc_kernel[:, :, None, None], (*ipc_kernel.shape, 1, 1))
        each = False
    else:
        ipc_kernel = ipc_kernel[:, :, rows, columns]
        each = True
    _convolve(data[:, :, rows, columns], np.ascontiguousarray(ipc_kernel), each)


@kernel
def _convolve(data, ipc_kernel, each):
    nints, ngroups, ny, nx = data.shape
    ky, kx = ipc_kernel.shape[:2]
    my, mx = ky // 2, kx // 2
    result = np.empty((ny, nx), np.float32)
    for i in range(nints):
        for g in range(ngroups):
            plane = data[i, g]
            result[:] = 0.0
            for n in range(ky * kx + 1):
                centre = n == ky * kx
                j, k = (my, mx) if centre else (n // kx, n % kx)
                if j == my and k == mx and not centre:
                    continue
                dy, dx = ky - j - 1 - my, kx - k - 1 - mx
                for y in range(max(0, -dy), min(ny, ny - dy)):
                    for x in range(max(0, -dx), min(nx, nx - dx)):
                        share = ipc_kernel[j, k, y, x] if each else ipc_kernel[j, k, 0, 0]
                        result[y, x] += share * plane[y + dy, x + dx]
            for y in range(ny):
                for x in range(nx):
                    plane[y, x] = result[y, x]
