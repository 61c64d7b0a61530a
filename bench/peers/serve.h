/// The native peers' side of the conversation: one JSON request a line on stdin, one answer a line on stdout (bench/lib/child.ts has the
/// other end).
#pragma once
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace peer {

using json = nlohmann::json;

/// An aligned array that is not initialised by a constructor.
class Buffer {
 public:
  explicit Buffer(size_t count = 0)
      : size_(count), data_(static_cast<float*>(std::aligned_alloc(64, (count * sizeof(float) + 4095) / 4096 * 4096 + 4096)), std::free) {}
  [[nodiscard]] float* data() const { return data_.get(); }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  size_t size_;
  std::shared_ptr<float> data_;
};

/// A case with its inputs in memory.
struct Case {
  json row;
  std::vector<Buffer> inputs;

  [[nodiscard]] std::string kind() const { return row["kind"]; }
  [[nodiscard]] std::string mode() const { return row["mode"]; }
  [[nodiscard]] std::vector<int64_t> shape(size_t input) const { return row["inputs"][input]["shape"]; }
  [[nodiscard]] int64_t option(const char* name) const { return row["options"].value(name, json(0)).get<int64_t>(); }
  [[nodiscard]] bool flag(const char* name) const { return row["options"].value(name, false); }
};

/// What to time, where its result is, and the memory that it works on.
struct Work {
  std::function<void()> run;
  std::vector<Buffer> results;
  std::vector<Buffer> operands;
};

/// Makes the work of a case; nothing when the library has no such thing.
using Prepare = std::function<std::optional<Work>(const Case&)>;

inline double milliseconds(const std::function<void()>& run, int64_t calls) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < calls; i++) run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(calls);
}

/// Inputs that are not f32 have no place in these peers.
inline bool load(const json& request, Case& out) {
  out.row = request["case"];
  size_t index = 0;
  for (const json& input : out.row["inputs"]) {
    if (input["dtype"] != "f32") return false;
    size_t count = 1;
    for (const int64_t extent : input["shape"].get<std::vector<int64_t>>()) count *= static_cast<size_t>(extent);
    out.inputs.emplace_back(count);
    std::ifstream file(request["folder"].get<std::string>() + "/input" + std::to_string(index++) + ".bin", std::ios::binary);
    file.read(reinterpret_cast<char*>(out.inputs.back().data()), static_cast<std::streamsize>(count * sizeof(float)));
  }
  return true;
}

inline json prepare(const json& request, const Prepare& make, std::optional<Work>& work) {
  Case one;
  work.reset();
  if (load(request, one)) work = make(one);
  if (!work) return {{"skip", "no such kind here"}};
  work->run();
  std::ofstream file(request["result"].get<std::string>(), std::ios::binary);
  for (const Buffer& result : work->results) {
    file.write(reinterpret_cast<const char*>(result.data()), static_cast<std::streamsize>(result.size() * sizeof(float)));
  }
  const double first = milliseconds(work->run, 1);
  if (first > 50) return {{"ms", first}};
  return {{"ms", milliseconds(work->run, std::max<int64_t>(1, std::min<int64_t>(100000, std::lround(20 / std::max(first, 1e-5)))))}};
}

/// Answers until the input ends.
inline int serve(const std::string& version, const Prepare& make) {
  std::optional<Work> work;
  for (std::string line; std::getline(std::cin, line);) {
    json answer;
    try {
      const json request = json::parse(line);
      const std::string what = request["do"];
      if (what == "hello") {
        answer = {{"version", version}};
      } else if (what == "prepare") {
        answer = prepare(request, make, work);
      } else if (what == "time" && work) {
        for (double spent = 0; spent < request["warm"].get<double>();) spent += milliseconds(work->run, 1);
        answer = {{"ms", milliseconds(work->run, request["calls"].get<int64_t>())}};
      } else {
        answer = {{"error", "unknown request"}};
      }
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
  return 0;
}

}  // namespace peer
