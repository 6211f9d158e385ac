#pragma once
// A run folder: what a run wrote, enough to recommend after the data moved.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/json.h"
#include "data/dataset.h"
#include "model/recommender.h"
#include "train/tensorboard.h"

namespace kindred::run {

/// Schema number of every file written here; readers accept it and the one before, refuse newer
/// ones.
inline constexpr int schema = 1;

/// Paths inside a run folder.
struct RunFolder {
  fs::path root;

  fs::path config() const { return root / "config.yaml"; }
  fs::path data() const { return root / "data.json"; }
  fs::path log() const { return root / "log.jsonl"; }
  fs::path events() const { return root / "tensorboard"; }
  fs::path checkpoints() const { return root / "checkpoints"; }
  fs::path model() const { return root / "model"; }
  fs::path metrics() const { return root / "metrics.json"; }
  fs::path evaluations() const { return root / "evaluations"; }
  fs::path predictions() const { return root / "predictions.tsv"; }
  fs::path report() const { return root / "report.html"; }
  fs::path stages() const { return root / "stages.json"; }

  bool exists() const { return fs::exists(config()); }
  bool finished() const { return fs::exists(metrics()); }
};

/// The same of a saved model: kindred.json with users.tsv and items.tsv beside it.
inline constexpr int model_schema = 2;

/// Reads a JSON file of ours; throws `bad_data` when its schema is newer than `newest`, this
/// program's.
Json read_own_json(const fs::path& path, int newest = schema);

/// The log of a run: one JSON object a line, and one TensorBoard event beside it (a stage a
/// folder).
class RunLog {
 public:
  /// `events`: folder of the TensorBoard events; empty: none are written.
  explicit RunLog(fs::path path, fs::path events = {});
  void append(const Json& record);
  /// Keeps the lines of other stages and the first `records` of this one.
  void cut_back(const std::string& stage, int64_t records);

 private:
  fs::path path_, events_;
  std::map<std::string, train::TensorBoard> boards_;  // by stage
};

/// The numbers of a log record by TensorBoard tag: "loss/<objective>", "valid/<metric>", ….
train::TensorBoard::Scalars scalars_of(const Json& record);

/// The records of a run's log, in order; a torn last line is dropped.
std::vector<Json> read_log(const fs::path& path);

/// Writes, beside kindred.json, items.tsv (token, title, training interactions) and users.tsv: of
/// each person the history in training, the history of training and validation (data::histories),
/// and all that the data knows of them, liked or not, held out or not: what is masked.
void save_model(const fs::path& folder, const model::Recommender& recommender,
                const data::Dataset& data);

/// A run opened for recommending, without its data.
struct OpenedRun {
  RunFolder folder;
  std::string method;
  std::shared_ptr<model::Recommender> recommender;
  std::shared_ptr<data::IdMap> users, items;
  std::vector<std::string> titles;                ///< [N]
  std::vector<int64_t> training_counts;           ///< [N] of each item
  std::vector<std::vector<data::Index>> train;    ///< [users] training history, oldest first
  std::vector<std::vector<data::Index>> history;  ///< [users] of training and validation, likewise
  std::vector<std::vector<data::Index>> known;    ///< [users] whatever the data knows of them
  Json config;                                    ///< the resolved recipe
  Json data;                                      ///< data.json
};

/// How a run is opened.
struct OpenOptions {
  std::string device;     ///< empty: cpu
  std::string precision;  ///< of its language model: auto, fp32, bf16, int8; empty: as trained
};

/// Opens a finished (or at least saved) run. Throws `missing` when the folder holds no model,
/// `config` for a device that is not there and for a precision of a run without a language model.
OpenedRun open_run(const fs::path& root, const OpenOptions& options = {});

}  // namespace kindred::run
