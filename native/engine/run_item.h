#pragma once
#include "engine/command.h"
#include "engine/executor.h"
#include "threads/pool.h"

namespace chainrule {

/// Runs queue items: decodes commands, calls kernels, keeps track of which blocks hold the results of failed commands.
class ItemRunner {
 public:
  void run(const Item& item, ThreadPool& pool);

 private:
  void run_commands(const Item& item, ThreadPool& pool);
  void run_command(Session& session, const double* words, int64_t available, ThreadPool& pool);
  void read(const Item& item);
  void write(const Item& item);

  Command command_;
};

}  // namespace chainrule
