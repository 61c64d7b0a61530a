#pragma once
// The one way out of a kernel that found bad data. Defined once, outside the ISA namespaces.
#include <cstdint>

namespace chainrule {

/// Throws KernelError with a printf-style message. The executor catches it, poisons the outputs and rejects the reads that depend on them.
[[noreturn]] [[gnu::format(printf, 1, 2)]] [[gnu::cold]] void fail(const char* format, ...);

}  // namespace chainrule

/// Checks an invariant that no user input may break; a failure is a bug of ours and is reported as such, never as a crash.
#define CR_CHECK(condition)                                                                                        \
  do {                                                                                                             \
    if (!(condition)) ::chainrule::fail("internal check failed: %s (%s:%d)", #condition, __FILE_NAME__, __LINE__); \
  } while (0)
