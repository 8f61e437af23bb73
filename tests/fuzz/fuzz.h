/* tests/fuzz/fuzz.h - what each fz_NAME.c offers to libFuzzer, or to corpus_main.c without it. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Folder below tests/fuzz/corpus/. */
extern const char *const fuzz_corpus;

/* Always 0; a broken promise of the code under test ends in ASSERT. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
