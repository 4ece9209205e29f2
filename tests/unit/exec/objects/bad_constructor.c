#include <stdint.h>
static volatile int ran;
__attribute__((constructor)) static void onLoad(void) { ran = 1; }
void k_bad(void *const *args, int64_t b, int64_t e, int64_t c) { *(int *)args[0] = ran; }
