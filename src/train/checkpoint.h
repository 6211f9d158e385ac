#pragma once
// Checkpoints of a stage: one safetensors file each, complete or absent, with a checksum of its
// content.
//
//   step-<n>.safetensors   all that resuming needs after n optimiser steps; the newest two are kept
//   best-<e>.safetensors   the trained tensors after epoch e, the best one of a kept checkpoint
//   final.safetensors      the trained tensors of a finished stage
//
// Random streams need no place in it: every batch and every dropout mask is a function of the seed,
// the stage and the step count.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "model/recommender.h"
#include "train/state.h"

namespace kindred::train {

/// A checkpoint's content. `identity` says what it belongs to (data, options); only equal ones
/// resume.
struct Checkpoint {
  FitState state;
  Json identity;
  model::NamedTensors tensors;
};

/// The checkpoints in one folder; does nothing where the folder's path is empty.
class CheckpointFolder {
 public:
  explicit CheckpointFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  bool active() const { return !folder_.empty(); }
  /// Forgets everything: a stage begins anew.
  void clear() const;
  /// The final state or the newest checkpoint; nothing where there is none. Throws `bad_data`
  /// naming the file when it is damaged, of another schema, or its identity differs (with the
  /// differences). With `fall_back`, damaged ones are reported and removed, and the one before
  /// counts.
  std::optional<Checkpoint> newest(const Json& identity, bool fall_back = false);
  /// Writes step-<steps> or, when `state.finished`, final; then removes what is no longer needed.
  /// Throws `io` leaving the ones before.
  void save(const Checkpoint& checkpoint);
  void save_best(const model::NamedTensors& tensors, int64_t epoch) const;
  /// Throws `missing` or `bad_data`.
  model::NamedTensors load_best(int64_t epoch) const;
  std::string best_name(int64_t epoch) const;

 private:
  /// Reads a checkpoint and verifies that the best state it refers to is whole too.
  Checkpoint read(const std::filesystem::path& path) const;
  /// Removes step and best files that no kept checkpoint needs.
  void remove_old(bool finished) const;

  std::filesystem::path folder_;
  std::vector<std::pair<int64_t, int64_t>>
      kept_;  // (steps, best epoch) of known ones, oldest first
};

/// Reads a checkpoint and verifies its checksum. Throws `missing` or `bad_data`.
Checkpoint read_checkpoint(const std::filesystem::path& path);

/// One line for every value that differs: "data.fingerprint: got "a", expected "b"".
std::vector<std::string> differences(const Json& got, const Json& expected);

}  // namespace kindred::train
