#pragma once
#include "dispatch/kernel.h"

namespace chainrule {

/// The best instruction set that this CPU and operating system support and this build has kernels for. CHAINRULE_ISA lowers it.
/// Throws std::runtime_error when CHAINRULE_ISA names a level that cannot run here.
Isa detect_isa();
/// Whether this CPU has the feature at level `isa`. CHAINRULE_FEATURES=none says that it has none.
bool has_feature(Isa isa, Feature feature);
const char* isa_name(Isa isa);

}  // namespace chainrule
