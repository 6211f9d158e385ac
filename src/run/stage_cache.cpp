#include "run/stage_cache.h"

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "model/recommender.h"
#include "run/run_folder.h"
#include "train/snapshot.h"

namespace kindred::run {

StageCache::StageCache(fs::path cache_root) : root_(std::move(cache_root) / "stages") {}

fs::path StageCache::folder(const std::string& fingerprint) const {
  return root_ / fingerprint;
}

bool StageCache::restore(const std::string& fingerprint, model::Stage& stage) const {
  const fs::path from = folder(fingerprint);
  if (!fs::exists(from / "stage.json")) return false;
  try {
    train::put_back(stage, model::load_tensors(from / "state.safetensors"), from.string());
    return true;
  } catch (const Error& error) {
    log::warning(cat("a cached stage is damaged and will be trained again: ", error.what()));
    std::error_code ignored;
    fs::remove_all(from, ignored);
    return false;
  }
}

void StageCache::store(const std::string& fingerprint, const model::Stage& stage,
                       const Json& about) const {
  try {
    AtomicFolder target(folder(fingerprint));
    model::save_tensors(target.path() / "state.safetensors", train::stage_tensors(stage));
    Json json = about;
    json["schema"] = schema;
    write_file(target.path() / "stage.json", json.dump(2) + "\n");
    target.commit(true);
  } catch (const Error& error) {
    log::warning(cat("the finished stage is not cached: ", error.what()));
  }
}

std::string stage_fingerprint(const Json& depends_on) {
  return fingerprint(depends_on.dump());
}

}  // namespace kindred::run
