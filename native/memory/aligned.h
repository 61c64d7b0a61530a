#pragma once
#include <cstddef>

namespace chainrule {

/// Whether memory is given back now and then, or stays until its owner ends: the two are kept apart, so that what stays does not hold
/// pages that could go.
enum class Lifetime { returned, stays };

/// 64-byte aligned memory, on huge pages where the system has them: from an arena (see there) from 32 KiB on, with pages of its own from
/// 2 MiB on. Throws std::bad_alloc.
void* allocate_aligned(size_t bytes, Lifetime lifetime);
/// `bytes` as they were asked for.
void free_aligned(void* p, size_t bytes);

}  // namespace chainrule
