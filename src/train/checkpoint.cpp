#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/options.h"
#include "core/strings.h"

namespace kindred::train {
namespace {

constexpr int schema = 1;
const std::string head_name = "checkpoint/head", sum_name = "checkpoint/sha256";

torch::Tensor as_bytes(const std::string& text) {
  torch::Tensor bytes = torch::empty({static_cast<int64_t>(text.size())}, torch::kUInt8);
  if (!text.empty()) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

/// SHA-256 over names, types, shapes and bytes, in the order of names.
std::string checksum(model::NamedTensors tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    hash.update(
        cat(name, " ", c10::toString(plain.scalar_type()), " ", c10::str(plain.sizes()), "\n"));
    hash.update(plain.const_data_ptr(), plain.nbytes());
  }
  return hex(hash.finish());
}

void write(const fs::path& path, const Checkpoint& checkpoint) {
  Json head = {{"schema", schema},
               {"state", write_options(checkpoint.state)},
               {"identity", checkpoint.identity}};
  model::NamedTensors tensors = checkpoint.tensors;
  tensors.emplace_back(head_name, as_bytes(head.dump()));
  tensors.emplace_back(sum_name, as_bytes(checksum(tensors)));
  model::save_tensors(path, tensors);
}

/// Removes a byte tensor and returns its text.
std::string take_text(model::NamedTensors& tensors, const std::string& name, const fs::path& path) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == tensors.end() || found->second.scalar_type() != torch::kUInt8)
    throw Error(
        Exit::bad_data, path.string(),
        cat("tensor '", name, "' is missing; this is not a checkpoint of a training stage"));
  const auto* data = static_cast<const char*>(found->second.const_data_ptr());
  std::string text(data, found->second.nbytes());
  tensors.erase(found);
  return text;
}

bool numbered(const fs::path& path, const std::string& kind) {
  const std::string name = path.filename().string();
  return name.starts_with(kind + "-") && name.ends_with(".safetensors");
}

int64_t number_of(const fs::path& path) {
  const std::string stem = path.stem().string();
  return std::atoll(stem.c_str() + stem.find('-') + 1);
}

std::vector<fs::path> files(const fs::path& folder, const std::string& kind) {
  std::vector<fs::path> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (numbered(entry.path(), kind)) found.push_back(entry.path());
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return number_of(a) < number_of(b); });
  return found;
}

void flatten(const Json& value, const std::string& at, std::map<std::string, std::string>& out) {
  if (value.is_object() && !value.empty())
    for (const auto& [key, member] : value.items())
      flatten(member, at.empty() ? key : at + "." + key, out);
  else
    out[at] = value.dump();
}

}  // namespace

std::vector<std::string> differences(const Json& got, const Json& expected) {
  std::map<std::string, std::string> a, b;
  flatten(got, "", a);
  flatten(expected, "", b);
  std::vector<std::string> lines;
  for (const auto& [key, value] : a) {
    const auto other = b.find(key);
    if (other == b.end())
      lines.push_back(cat(key, ": got ", value, ", expected nothing"));
    else if (other->second != value)
      lines.push_back(cat(key, ": got ", value, ", expected ", other->second));
  }
  for (const auto& [key, value] : b)
    if (!a.contains(key)) lines.push_back(cat(key, ": got nothing, expected ", value));
  return lines;
}

Checkpoint read_checkpoint(const fs::path& path) {
  Checkpoint checkpoint;
  checkpoint.tensors = model::load_tensors(path);
  const std::string expected = take_text(checkpoint.tensors, sum_name, path);
  const std::string got = checksum(checkpoint.tensors);
  if (got != expected)
    throw Error(Exit::bad_data, path.string(),
                cat("the checkpoint is damaged: its content has SHA-256 ", got, ", expected ",
                    expected, "; remove the file to start without it"));
  const Json head = parse_json(take_text(checkpoint.tensors, head_name, path), path.string());
  if (head.value("schema", 0) != schema)
    throw Error(Exit::bad_data, path.string(),
                cat("got a checkpoint of schema ", head.value("schema", 0), ", expected ", schema));
  checkpoint.state = read_options<FitState>(head["state"], path.string() + ": state");
  checkpoint.identity = head["identity"];
  return checkpoint;
}

void CheckpointFolder::clear() const {
  if (!active()) return;
  for (const char* kind : {"step", "best"})
    for (const fs::path& path : files(folder_, kind)) fs::remove(path);
  fs::remove(folder_ / "final.safetensors");
}

std::optional<Checkpoint> CheckpointFolder::newest(const Json& identity) const {
  if (!active()) return std::nullopt;
  fs::path path = folder_ / "final.safetensors";
  if (!fs::exists(path)) {
    const std::vector<fs::path> steps = files(folder_, "step");
    if (steps.empty()) return std::nullopt;
    path = steps.back();
  }
  Checkpoint checkpoint = read_checkpoint(path);
  std::vector<std::string> lines = differences(identity, checkpoint.identity);
  if (lines.empty()) return checkpoint;
  for (std::string& line : lines)
    line = cat(path.string(), ": the checkpoint is of other data or options: ", line);
  throw Error(Exit::bad_data, std::move(lines));
}

void CheckpointFolder::save(const Checkpoint& checkpoint) const {
  if (!active()) return;
  const bool final = checkpoint.state.finished;
  const std::string name =
      final ? "final.safetensors" : cat("step-", checkpoint.state.steps, ".safetensors");
  write(folder_ / name, checkpoint);
  for (const fs::path& path : files(folder_, "step"))
    if (path.filename() != name) fs::remove(path);
  for (const fs::path& path : files(folder_, "best"))
    if (final || path.filename() != best_name(checkpoint.state.best_epoch)) fs::remove(path);
}

std::string CheckpointFolder::best_name(int64_t epoch) const {
  return cat("best-", epoch, ".safetensors");
}

void CheckpointFolder::save_best(const model::NamedTensors& tensors, int64_t epoch) const {
  write(folder_ / best_name(epoch), {{}, nullptr, tensors});
}

model::NamedTensors CheckpointFolder::load_best(int64_t epoch) const {
  return read_checkpoint(folder_ / best_name(epoch)).tensors;
}

}  // namespace kindred::train
