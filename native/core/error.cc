#include "core/error.h"

#include <cstdarg>
#include <cstdio>

#include "core/kernel_error.h"

namespace chainrule {

void fail(const char* format, ...) {
  char text[512];
  std::va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  throw KernelError(text);
}

}  // namespace chainrule
