#pragma once
#include <cstddef>

namespace chainrule {

/// 64-byte aligned memory; blocks of 2 MiB and more are aligned to 2 MiB and offered to the kernel as huge pages. Throws std::bad_alloc.
void* allocate_aligned(size_t bytes);
void free_aligned(void* p);

}  // namespace chainrule
