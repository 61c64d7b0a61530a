#pragma once
#include "threads/pool.h"

namespace chainrule {

/// Made by the executor for each kernel call; its end gives all scratch memory back.
struct Context {
  explicit Context(ThreadPool& threads) : pool(threads) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() {
    pool.shared_scratch().reset();
    for (int worker = 0; worker < pool.size(); ++worker) pool.scratch(worker).reset();
  }
  ThreadPool& pool;
};

}  // namespace chainrule
