#include "engine/run_item.h"

#include <cstring>
#include <exception>
#include <new>

#include "memory/budget.h"
#include "threads/context_state.h"

namespace chainrule {

namespace {

/// The error that the command's inputs depend on, or 0. What an in-place kernel updates counts as an input.
uint32_t inherited_poison(const Command& command) {
  for (int i = 0; i < command.args.ins; ++i) {
    if (command.in_block[i]->poison != 0) return command.in_block[i]->poison;
  }
  if (command.kernel->in_place) {
    for (int i = 0; i < command.args.outs; ++i) {
      if (command.out_block[i]->poison != 0 && !command.out_fresh[i]) return command.out_block[i]->poison;
    }
  }
  return 0;
}

/// New memory holds nothing that depends on an error, whatever its block held before.
void renew(const Command& command) {
  for (int i = 0; i < command.args.outs; ++i) {
    if (command.out_fresh[i]) command.out_block[i]->poison = 0;
  }
}

/// After a command that did not run. A tensor that would have been updated in place keeps its last good value: one bad batch must not
/// cost the user the weights.
void give_up(Session& session, const Command& command, uint32_t error) {
  if (command.kernel == nullptr) return;
  if (command.kernel->in_place) return session.report_skipped(error);
  for (int i = 0; i < command.args.outs; ++i) command.out_block[i]->poison = error;
}

/// At its end, however a kernel ended, copies of what it may have written are out of date.
class Writing {
 public:
  Writing(const Command& command, Copies& copies) : command_(command), copies_(copies) {}
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
  ~Writing() {
    for (int i = 0; i < command_.args.outs; ++i) {
      if (Block& block = *command_.out_block[i]; block.copies != nullptr) copies_.written(block, command_.out_fresh[i]);
    }
  }

 private:
  const Command& command_;
  Copies& copies_;
};

bool inside(const Block* block, const Item& item) {
  return block != nullptr && item.byte_offset >= 0 && static_cast<size_t>(item.byte_offset) <= block->bytes &&
         item.bytes <= block->bytes - static_cast<size_t>(item.byte_offset);
}

}  // namespace

void ItemRunner::run(const Item& item, ThreadPool& pool) {
  switch (item.kind) {
    case Item::Kind::commands:
      return run_commands(item, pool);
    case Item::Kind::read:
      return read(item);
    case Item::Kind::write:
      return write(item);
  }
}

void ItemRunner::run_commands(const Item& item, ThreadPool& pool) {
  const double* words = item.words.data();
  const auto size = static_cast<int64_t>(item.words.size());
  for (int64_t at = 0; at < size && !item.session->closed();) {
    const double length = size - at >= kShortestCommand ? words[at + 2] : 0;
    if (!(length >= kShortestCommand && length <= static_cast<double>(size - at))) {
      item.session->add_error({item.seq, "", "malformed command: its length is wrong"});
      break;
    }
    run_command(*item.session, words + at, static_cast<int64_t>(length), pool);
    at += static_cast<int64_t>(length);
  }
  item.session->complete(item.seq);
}

void ItemRunner::run_command(Session& session, const double* words, int64_t available, ThreadPool& pool) {
  const auto failed = [&](const char* message) {
    const char* name = command_.kernel == nullptr ? "" : command_.kernel->name;
    give_up(session, command_, session.add_error({command_.seq, name, message}));
  };
  command_.kernel = nullptr;
  command_.args.outs = 0;
  try {
    if (words[0] == kReleaseBlock) return release_block(words, available, session.blocks);
    Copies& copies = session.blocks.copies;
    if (words[0] == kDropCopies || (copies.any() && Budget::instance().scarce())) copies.clear();
    if (words[0] == kDropCopies) return;
    decode(words, available, session.blocks, command_);
    if (command_.poisoned) {
      renew(command_);
      if (const uint32_t poison = inherited_poison(command_); poison != 0) return give_up(session, command_, poison);
    }
    if (!command_.any) return;  // kernels need not think of it, nor of the divisions by zero that go with it
    const Writing writing{command_, copies};
    Context context{pool, {copies, command_.in_block, command_.out_block, command_.args}};
    command_.kernel->run(context, command_.args);
  } catch (const std::bad_alloc&) {
    failed("out of memory");
  } catch (const std::exception& error) {
    failed(error.what());
  } catch (...) {
    failed("internal error");
  }
}

void ItemRunner::read(const Item& item) {
  const std::lock_guard transferring(item.session->transferring);
  if (item.session->closed()) return;  // the destination may be gone
  const Block* block = item.session->blocks.find(item.block);
  uint32_t error = 0;
  if (!inside(block, item)) {
    error = item.session->add_error({item.seq, "read", "malformed read: outside its block"});
  } else if (block->poison != 0) {
    error = block->poison;
  } else if (item.bytes > 0) {
    std::memcpy(item.destination, block->bytes_at(item.byte_offset), item.bytes);
  }
  item.session->complete_read(item.seq, error);
}

void ItemRunner::write(const Item& item) {
  Block* block = item.session->blocks.find(item.block);
  if (!inside(block, item)) {
    item.session->add_error({item.seq, "write", "malformed write: outside its block"});
  } else {
    if (item.bytes > 0) std::memcpy(block->bytes_at(item.byte_offset), item.staged.get(), item.bytes);
    block->poison = 0;
    item.session->blocks.copies.written(*block, false);
  }
  item.session->complete(item.seq);
}

}  // namespace chainrule
