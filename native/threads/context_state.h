#pragma once
#include "memory/blocks.h"
#include "threads/pool.h"

namespace chainrule {

/// The blocks of a command's operands, and their copies in other orders.
struct Operands {
  Copies& copies;
  Block* const* in;
  Block* const* out;
  int32_t ins, outs;
};

/// Made by the executor for each kernel call; its end gives all scratch memory back.
struct Context {
  Context(ThreadPool& threads, const Operands& blocks) : pool(threads), operands(blocks) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    pool.shared_scratch().reset();
    for (int worker = 0; worker < pool.size(); ++worker) pool.scratch(worker).reset();
  }
  ThreadPool& pool;
  Operands operands;
};

}  // namespace chainrule
