#pragma once
// All vector functions: exp expm1 sigmoid tanh | log log1p log2 softplus | pow | sin cos | erf normal_tail. They are templates over
// Vec<float> and Vec<double>, computed in the type itself (truly double for double), use IEEE operations and fma only, and so give the same
// bits on every instruction set that has fma.
#include "simd/exp.h"
#include "simd/log.h"
#include "simd/normal.h"
#include "simd/pow.h"
#include "simd/trig.h"
