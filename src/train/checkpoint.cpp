#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
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
    throw Error(
        Exit::bad_data, path.string(),
        cat("the checkpoint is damaged: its content has SHA-256 ", got, ", expected ", expected));
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

Checkpoint CheckpointFolder::read(const fs::path& path) const {
  Checkpoint checkpoint = read_checkpoint(path);
  const FitState& state = checkpoint.state;
  if (!state.finished && state.best_epoch >= 0) load_best(state.best_epoch);
  return checkpoint;
}

std::optional<Checkpoint> CheckpointFolder::newest(const Json& identity, bool fall_back) {
  if (!active()) return std::nullopt;
  std::vector<fs::path> paths = files(folder_, "step");
  if (fs::exists(folder_ / "final.safetensors")) paths.push_back(folder_ / "final.safetensors");
  std::optional<Checkpoint> checkpoint;
  for (; !checkpoint && !paths.empty(); paths.pop_back()) {
    const fs::path path = paths.back();
    try {
      checkpoint = read(path);
    } catch (const Error& error) {
      if (!fall_back) {
        std::vector<std::string> lines = error.lines();
        lines.back() += cat("; --resume --previous goes on from ",
                            paths.size() > 1 ? paths[paths.size() - 2].filename().string()
                                             : "the beginning of the stage");
        throw Error(error.code(), std::move(lines));
      }
      log::warning(cat(error.what(), "; going on from the one before"));
      fs::remove(path);
      continue;
    }
    std::vector<std::string> lines = differences(identity, checkpoint->identity);
    for (std::string& line : lines)
      line = cat(path.string(), ": the checkpoint is of other data or options: ", line);
    if (!lines.empty()) throw Error(Exit::bad_data, std::move(lines));
    kept_ = {{checkpoint->state.steps, checkpoint->state.best_epoch}};
  }
  return checkpoint;
}

void CheckpointFolder::save(const Checkpoint& checkpoint) {
  if (!active()) return;
  const FitState& state = checkpoint.state;
  write(folder_ / (state.finished ? std::string("final.safetensors")
                                  : cat("step-", state.steps, ".safetensors")),
        checkpoint);
  std::erase_if(kept_, [&](const auto& known) { return known.first >= state.steps; });
  kept_.emplace_back(state.steps, state.best_epoch);
  if (kept_.size() > 2) kept_.erase(kept_.begin());
  remove_old(state.finished);
}

void CheckpointFolder::remove_old(bool finished) const {
  const std::vector<fs::path> steps = files(folder_, "step");
  for (size_t i = 0; i < steps.size(); ++i)
    if (finished || i + 2 < steps.size()) fs::remove(steps[i]);
  // After a resume the best state of the older checkpoint is not known: all are kept till it is.
  if (!finished && kept_.size() < 2) return;
  for (const fs::path& path : files(folder_, "best")) {
    const bool needed = std::any_of(kept_.begin(), kept_.end(), [&](const auto& known) {
      return path.filename() == best_name(known.second);
    });
    if (finished || !needed) fs::remove(path);
  }
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
