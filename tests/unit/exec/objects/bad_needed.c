#include <stdint.h>
float expf(float);
void k_bad(void *const *args, int64_t b, int64_t e, int64_t c) { *(float *)args[0] = expf(1.0f); }
