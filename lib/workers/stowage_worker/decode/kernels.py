"""The kernels of a decode step, in Triton. Sums are in float32 whatever the type of the tensors."""

import torch
import triton
import triton.language as tl

# Tokens of the cache that one program looks at in one go, and its warps: without groups, and with them. Small programs,
# many at a time, hide the way to memory: of BLOOM-7B1's step at batch 128 on an H100, 7.9 ms against 9.2 with (64, 4).
ATTENTION_TILE, GROUPED_ATTENTION_TILE = (32, 1), (64, 4)
GELU, SILU_GATE = 1, 2
_ACTIVATIONS = {None: 0, "gelu": GELU}


@triton.jit
def _tanh(x):
    # 1 - 2 / (exp(2x) + 1): right at both ends, where exp overflows or vanishes.
    return 1.0 - 2.0 / (tl.exp(2.0 * x) + 1.0)


@triton.jit
def _matrix_vector_kernel(
    x,
    weight,
    second,  # the weight of the gated half, or the weight again
    bias,
    residual,
    out,
    rows,
    columns,
    ACTIVATION: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_RESIDUAL: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out[row] = activation(weight[row] . x + bias[row]) + residual[row]; ROWS rows a program."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    in_rows = row < rows
    row = tl.where(in_rows, row, 0).to(tl.int64)
    column = tl.arange(0, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    gate = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for start in range(0, columns, COLUMNS):
        place = start + column
        offset = row[:, None] * columns + place[None, :]
        if EVEN:
            part = tl.load(x + place).to(tl.float32)
            tile = tl.load(weight + offset, eviction_policy="evict_first").to(tl.float32)
        else:
            part = tl.load(x + place, mask=place < columns, other=0.0).to(tl.float32)
            tile = tl.load(weight + offset, mask=place[None, :] < columns, other=0.0).to(tl.float32)
        total += tile * part[None, :]
        if ACTIVATION == 2:
            if EVEN:
                tile = tl.load(second + offset, eviction_policy="evict_first").to(tl.float32)
            else:
                tile = tl.load(second + offset, mask=place[None, :] < columns, other=0.0).to(
                    tl.float32
                )
            gate += tile * part[None, :]
    y = tl.sum(total, axis=1)
    if HAS_BIAS:
        y += tl.load(bias + row).to(tl.float32)
    if ACTIVATION == 1:
        y = 0.5 * y * (1.0 + _tanh(0.7978845608028654 * (y + 0.044715 * y * y * y)))
    if ACTIVATION == 2:  # silu(first half) * second half
        y = y / (1.0 + tl.exp(-y)) * tl.sum(gate, axis=1)
    if HAS_RESIDUAL:
        # The product is rounded before the sum, as the two operations apart would round it.
        y = y.to(out.dtype.element_ty).to(tl.float32)
        y += tl.load(residual + row).to(tl.float32)
    tl.store(out + row, y.to(out.dtype.element_ty), mask=in_rows)


def matrix_vector(x, weight, bias, *, activation=None, residual=None):
    """x: [1, in], weight: [out, in] -> [1, out]."""
    return _launch(x, weight, weight, bias, residual, _ACTIVATIONS[activation])


def gated_matrix_vector(x, gate_weight, up_weight):
    """silu(gate_weight @ x) * (up_weight @ x), each weight read once."""
    return _launch(x, gate_weight, up_weight, None, None, SILU_GATE)


def _launch(x, weight, second, bias, residual, activation: int):
    rows, columns = weight.shape
    out = torch.empty((1, rows), dtype=x.dtype, device=x.device)
    rows_each, columns_each, warps = tiling(rows, columns)
    _matrix_vector_kernel[(triton.cdiv(rows, rows_each),)](
        x,
        weight,
        second,
        weight if bias is None else bias,
        x if residual is None else residual,
        out,
        rows,
        columns,
        ACTIVATION=activation,
        HAS_BIAS=bias is not None,
        HAS_RESIDUAL=residual is not None,
        EVEN=columns % columns_each == 0,
        ROWS=rows_each,
        COLUMNS=columns_each,
        num_warps=warps,
    )
    return out


def tiling(rows: int, columns: int) -> tuple[int, int, int]:
    """Rows and columns of a program's tile, and its warps.

    One row of 4 KiB a step kept the memory of an H100 busiest: 2.6 TB/s of a 4096-square bfloat16 weight (cuBLAS 2.1),
    2.9 of four times that (2.7), 3.2 of a head (2.9). Shorter rows go two by two.
    """
    if columns >= 2048:
        return 1, 2048, 4
    return 2, min(1024, triton.next_power_of_2(columns)), 4


@triton.jit
def _attention_kernel(
    query,
    key,
    value,
    keys,
    values,
    position,
    first,
    slopes,
    cosines,
    sines,
    out,
    scale,
    max_tokens,
    query_batch,
    query_head,
    key_batch,
    key_head,
    value_batch,
    value_head,
    KV_HEADS: tl.constexpr,
    GROUP: tl.constexpr,
    LINES: tl.constexpr,
    HALF: tl.constexpr,
    TOKENS: tl.constexpr,
    ALIBI: tl.constexpr,
    ROTARY: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """One sequence and one kv head a program, with the GROUP query heads that share it; online softmax."""
    batch = tl.program_id(0) // KV_HEADS
    head = tl.program_id(0) % KV_HEADS
    now = tl.load(position).to(tl.int32)
    begin = tl.load(first + batch)
    dtype = keys.dtype.element_ty
    half = tl.arange(0, HALF)
    line = tl.arange(0, LINES)  # query heads of the group, padded
    whole = tl.arange(0, 2 * HALF)

    queries = query + batch * query_batch + (head * GROUP + line[:, None]) * query_head
    in_group = (line < GROUP)[:, None]
    q_low = tl.load(queries + half[None, :], mask=in_group, other=0.0).to(tl.float32)
    q_high = tl.load(queries + HALF + half[None, :], mask=in_group, other=0.0).to(tl.float32)
    new_key = key + batch * key_batch + head * key_head
    k_low = tl.load(new_key + half).to(tl.float32)
    k_high = tl.load(new_key + HALF + half).to(tl.float32)
    v_new = tl.load(value + batch * value_batch + head * value_head + whole).to(tl.float32)
    if ROTARY:
        turn = tl.maximum(now - begin, 0)
        c = tl.load(cosines + turn * HALF + half).to(tl.float32)
        s = tl.load(sines + turn * HALF + half).to(tl.float32)
        turned = q_low * c[None, :] - q_high * s[None, :]
        q_high = q_high * c[None, :] + q_low * s[None, :]
        q_low = turned
        turned = k_low * c - k_high * s
        k_high = k_high * c + k_low * s
        k_low = turned
    q_low = q_low.to(dtype)
    q_high = q_high.to(dtype)
    k_low = k_low.to(dtype)
    k_high = k_high.to(dtype)

    cache = (batch * KV_HEADS + head).to(tl.int64) * max_tokens * 2 * HALF
    at_now = cache + now * 2 * HALF
    tl.store(keys + at_now + half, k_low)
    tl.store(keys + at_now + HALF + half, k_high)
    tl.store(values + at_now + whole, v_new.to(dtype))

    # This token first, from registers: another thread's store could not be read back yet.
    score = tl.sum(q_low.to(tl.float32) * k_low.to(tl.float32)[None, :], axis=1)
    score += tl.sum(q_high.to(tl.float32) * k_high.to(tl.float32)[None, :], axis=1)
    score *= scale
    if ALIBI:
        slope = tl.load(slopes + head * GROUP + line, mask=line < GROUP, other=0.0)
        score += (slope * (now - begin).to(tl.float32)).to(dtype).to(tl.float32)
    best = score
    denominator = tl.full((LINES,), 1.0, dtype=tl.float32)
    mixed = tl.zeros((LINES, 2 * HALF), dtype=tl.float32) + v_new[None, :]

    token = tl.arange(0, TOKENS)
    for start in range((begin // TOKENS) * TOKENS, now, TOKENS):
        past = start + token
        seen = (past >= begin) & (past < now)
        offset = cache + past[:, None] * 2 * HALF
        low = tl.load(keys + offset + half[None, :], mask=seen[:, None], other=0.0)
        high = tl.load(keys + offset + HALF + half[None, :], mask=seen[:, None], other=0.0)
        # Asked for before it is needed, so that its way from memory and that of the keys are one.
        tile = tl.load(values + offset + whole[None, :], mask=seen[:, None], other=0.0)
        if GROUP == 1:
            scores = tl.sum(low.to(tl.float32) * q_low.to(tl.float32), axis=1)
            scores += tl.sum(high.to(tl.float32) * q_high.to(tl.float32), axis=1)
            scores = scores[None, :]
        else:
            scores = tl.dot(q_low, tl.trans(low), input_precision=PRECISION)
            scores += tl.dot(q_high, tl.trans(high), input_precision=PRECISION)
        scores *= scale
        if ALIBI:
            distance = (past - begin).to(tl.float32)
            scores += (slope[:, None] * distance[None, :]).to(dtype).to(tl.float32)
        scores = tl.where(seen[None, :], scores, float("-inf"))
        larger = tl.maximum(best, tl.max(scores, axis=1))
        shrink = tl.exp(best - larger)
        weights = tl.exp(scores - larger[:, None])
        mixed *= shrink[:, None]
        if GROUP == 1:
            weight = tl.reshape(weights, (TOKENS, 1))
            mixed += tl.sum(weight * tile.to(tl.float32), axis=0)[None, :]
        else:
            mixed += tl.dot(weights.to(dtype), tile, input_precision=PRECISION)
        denominator = denominator * shrink + tl.sum(weights, axis=1)
        best = larger
    mixed = mixed / denominator[:, None]
    rows = out + (batch * KV_HEADS + head) * GROUP * 2 * HALF + line[:, None] * 2 * HALF
    tl.store(rows + whole[None, :], mixed.to(dtype), mask=in_group)


def attends(query, key) -> bool:
    """Whether the kernel serves these heads: tiles are powers of two."""
    size = query.shape[2]
    return size == triton.next_power_of_2(size) and 32 <= size <= 256


def attention(query, key, value, keys, values, position, first, scale, slopes, rotary):
    """See `operations.attention`."""
    batch, heads, size = query.shape
    kv_heads = key.shape[1]
    group = heads // kv_heads
    out = torch.empty((batch, heads * size), dtype=query.dtype, device=query.device)
    tokens, warps = ATTENTION_TILE if group == 1 else GROUPED_ATTENTION_TILE
    _attention_kernel[(batch * kv_heads,)](
        query,
        key,
        value,
        keys,
        values,
        position,
        first,
        first if slopes is None else slopes,
        query if rotary is None else rotary.cos,
        query if rotary is None else rotary.sin,
        out,
        scale,
        keys.shape[2],
        query.stride(0),
        query.stride(1),
        key.stride(0),
        key.stride(1),
        value.stride(0),
        value.stride(1),
        KV_HEADS=kv_heads,
        GROUP=group,
        LINES=1 if group == 1 else max(16, triton.next_power_of_2(group)),
        HALF=size // 2,
        TOKENS=tokens,
        ALIBI=slopes is not None,
        ROTARY=rotary is not None,
        PRECISION="ieee",
        num_warps=warps,
    )
    return out
