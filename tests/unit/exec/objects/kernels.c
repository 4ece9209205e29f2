/* Kernels of the hand-built training step in ExecutorTest.cpp, in the calling convention of a plan. */
#include <stdint.h>

enum { dim = 8, classes = 4 };

/* in_ptr, in_src, x | out: out[a] = sum of x over the edges of active destination a */
void k_aggregate(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int32_t *ptr = args[0], *src = args[1];
  const float *x = args[2];
  float *out = args[3];
  for (int64_t a = begin; a < end; ++a) {
    float sum[dim];
    for (int c = 0; c < dim; ++c)
      sum[c] = 0;
    for (int32_t e = ptr[a]; e < ptr[a + 1]; ++e)
      for (int c = 0; c < dim; ++c)
        sum[c] += x[(int64_t)src[e] * dim + c];
    for (int c = 0; c < dim; ++c)
      out[a * dim + c] = sum[c];
  }
}

/* row_pos, messages, embeddings, self_pos | logits */
void k_logits(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int32_t *rowPos = args[0], *selfPos = args[3];
  const float *m = args[1], *emb = args[2];
  float *out = args[4];
  for (int64_t i = begin; i < end; ++i)
    for (int c = 0; c < classes; ++c)
      out[i * classes + c] = emb[(int64_t)selfPos[i] * classes + c] +
                             (rowPos[i] >= 0 ? m[(int64_t)rowPos[i] * classes + c] : 0.0f);
}

/* logits, labels, scalars | loss partials (a chunk each), gradient of the logits */
void k_loss(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const float *logits = args[0], *scalars = args[2];
  const int32_t *labels = args[1];
  float *loss = args[3], *grad = args[4];
  float sum = 0;
  for (int64_t i = begin; i < end; ++i)
    for (int c = 0; c < classes; ++c) {
      float d = labels[i] < 0 ? 0.0f : logits[i * classes + c] - (labels[i] == c ? 1.0f : 0.0f);
      sum += 0.5f * d * d * scalars[0];
      grad[i * classes + c] = d * scalars[0];
    }
  loss[chunk] = sum;
}

/* dst_pos, gradient of the logits | gradient of the messages */
void k_gather(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int32_t *dstPos = args[0];
  const float *grad = args[1];
  float *out = args[2];
  for (int64_t a = begin; a < end; ++a)
    for (int c = 0; c < classes; ++c)
      out[a * classes + c] = grad[(int64_t)dstPos[a] * classes + c];
}

/* gradient, scalars, weight | weight */
void k_sgd(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const float *grad = args[0], *scalars = args[1];
  float *w = args[3];
  for (int64_t i = begin; i < end; ++i)
    w[i] -= scalars[1] * grad[i];
}

/* ids, self_inv, gradient of the logits, scalars, table | table */
void k_sgd_rows(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int64_t *ids = args[0];
  const int32_t *selfInv = args[1];
  const float *grad = args[2], *scalars = args[3];
  float *table = args[5];
  for (int64_t i = begin; i < end; ++i)
    if (selfInv[i] >= 0)
      for (int c = 0; c < classes; ++c)
        table[ids[i] * classes + c] -= scalars[1] * grad[(int64_t)selfInv[i] * classes + c];
}

/* row_pos, messages | what each row is sent, or zeros */
void k_spread(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int32_t *rowPos = args[0];
  const float *m = args[1];
  float *out = args[2];
  for (int64_t i = begin; i < end; ++i)
    for (int c = 0; c < classes; ++c)
      out[i * classes + c] = rowPos[i] >= 0 ? m[(int64_t)rowPos[i] * classes + c] : 0.0f;
}

/* out_ptr, out_dst, gradient of h | gradient of x */
void k_scatter(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int32_t *ptr = args[0], *dst = args[1];
  const float *dh = args[2];
  float *dx = args[3];
  for (int64_t s = begin; s < end; ++s) {
    for (int c = 0; c < dim; ++c)
      dx[s * dim + c] = 0;
    for (int32_t e = ptr[s]; e < ptr[s + 1]; ++e)
      for (int c = 0; c < dim; ++c)
        dx[s * dim + c] += dh[(int64_t)dst[e] * dim + c];
  }
}

/* ids, gradients, scalars, table | table */
void k_sgd_union(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int64_t *ids = args[0];
  const float *grad = args[1], *scalars = args[2];
  float *table = args[4];
  for (int64_t i = begin; i < end; ++i)
    for (int c = 0; c < dim; ++c)
      table[ids[i] * dim + c] -= scalars[1] * grad[i * dim + c];
}

/* in | out */
void k_copy(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const float *in = args[0];
  float *out = args[1];
  for (int64_t i = begin; i < end; ++i)
    out[i] = in[i];
}

/* ids, rows, table | table */
void k_put_rows(void *const *args, int64_t begin, int64_t end, int64_t chunk) {
  const int64_t *ids = args[0];
  const float *rows = args[1];
  float *table = args[3];
  for (int64_t i = begin; i < end; ++i)
    for (int c = 0; c < dim; ++c)
      table[ids[i] * dim + c] = rows[i * dim + c];
}
