#pragma once
// Finished stages are kept under the fingerprint of everything they depend on, so that no run
// trains the same stage twice.

#include <filesystem>
#include <string>

#include "core/json.h"
#include "model/objective.h"

namespace kindred::run {

/// The cache of finished stages under a cache folder.
class StageCache {
 public:
  explicit StageCache(std::filesystem::path cache_root);

  /// Puts a finished stage's state into its parameters and tables. False when it is not cached; a
  /// damaged entry is reported, removed and counts as not cached.
  bool restore(const std::string& fingerprint, model::Stage& stage) const;
  /// Keeps a stage's state (atomically). A cache that cannot be written only warns.
  void store(const std::string& fingerprint, const model::Stage& stage, const Json& about) const;

 private:
  std::filesystem::path folder(const std::string& fingerprint) const;

  std::filesystem::path root_;
};

/// The fingerprint of a stage from the canonical JSON of what it depends on.
std::string stage_fingerprint(const Json& depends_on);

}  // namespace kindred::run
