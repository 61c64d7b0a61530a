#pragma once
// The command format: 64-bit floats, so that one typed array carries ids, shapes and parameters alike (integers are exact to 2^53).
//
//   call, seq, words, param..., operand...                 call is ins + kPerOut * outs + kPerKernel * kernel, words counts the whole
//                                                          command
//   operand: form, offset, shape..., strides...            offset and strides in elements; form is dtype + kPerAxis * rank + kPerBlock *
//                                                          block, with kAtStart when no offset follows, for it is 0, kRowMajor when no
//                                                          strides follow, for they are those of row-major order, and kFresh when it is
//                                                          the first write to new memory
//   call = kReleaseBlock: kReleaseBlock, seq, 4, block
//   call = kDropCopies: kDropCopies, seq, 4, 0             gives back the memory of all copies (memory/copies.h)
//
// Written by src/runtime/stream.ts. Everything is checked here before a kernel sees it: no sequence of words can make one touch memory
// outside the named blocks.
#include <cstdint>

#include "core/view.h"
#include "dispatch/registry.h"
#include "memory/blocks.h"

namespace chainrule {

/// Counted up with every change of what is said above, here and in src/runtime/stream.ts: halves of different builds refuse each other.
inline constexpr int kCommandFormat = 1;

inline constexpr double kReleaseBlock = -1;
inline constexpr double kDropCopies = -2;
inline constexpr int kHeaderWords = 3;
inline constexpr int kShortestCommand = 3;
inline constexpr int kPerAxis = 16;
inline constexpr int kRowMajor = 256;
inline constexpr int kFresh = 512;
inline constexpr int kAtStart = 1024;
inline constexpr int kPerBlock = 2048;
inline constexpr int kPerOut = 1 << 11;
inline constexpr int kPerKernel = 1 << 22;
inline constexpr int kMaxOperands = 1024;

/// One decoded command; reused from command to command so that decoding allocates nothing.
struct Command {
  const Kernel* kernel = nullptr;
  uint64_t seq = 0;
  TensorView in[kMaxOperands];
  TensorView out[kMaxOperands];
  Block* in_block[kMaxOperands];
  Block* out_block[kMaxOperands];
  bool out_fresh[kMaxOperands];
  bool poisoned = false;  // some operand's block depends on an error; that of a fresh result counts, too
  bool any = false;       // some result has elements
  Args args{};
};

/// Carries out a kReleaseBlock command; throws KernelError unless it names a block that may be given back.
void release_block(const double* words, int64_t available, BlockTable& blocks);

/// Decodes and checks the command at `words` (of which `available` follow). Throws KernelError; command.kernel and seq are set as soon
/// as they are known, args only when all is well.
void decode(const double* words, int64_t available, const BlockTable& blocks, Command& command);

}  // namespace chainrule
