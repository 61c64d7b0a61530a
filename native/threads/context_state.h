#pragma once
#include "core/view.h"
#include "memory/blocks.h"
#include "threads/pool.h"

namespace chainrule {

/// The blocks of a command's operands, and their copies in other orders.
struct Operands {
  Copies& copies;
  Block* const* in;
  Block* const* out;
  const Args& args;  // how many they are: copied as one number of 64 bits, both counts would be read before their stores are done
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
