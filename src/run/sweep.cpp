#include "run/sweep.h"

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/strings.h"
#include "run/run_folder.h"
#include "run/sweep_report.h"

namespace kindred::run {
namespace {

/// One key of `--over` with its values.
struct Axis {
  std::string key;
  std::vector<std::string> values;
};

std::vector<Axis> parse_axes(const std::vector<std::string>& over) {
  std::vector<Axis> axes;
  std::vector<std::string> problems;
  for (const std::string& text : over) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      problems.push_back("--over: got '" + text + "', expected key=value1,value2,…");
      continue;
    }
    axes.push_back({text.substr(0, equals), split(text.substr(equals + 1), ',')});
  }
  if (over.empty()) axes.push_back({});
  if (!problems.empty()) throw Error(Exit::usage, problems);
  return axes;
}

/// Every combination of values, the last key changing fastest.
std::vector<std::vector<std::string>> combinations(const std::vector<Axis>& axes) {
  std::vector<std::vector<std::string>> all{{}};
  for (const Axis& axis : axes) {
    if (axis.key.empty()) continue;
    std::vector<std::vector<std::string>> longer;
    for (const auto& head : all) {
      for (const std::string& value : axis.values) {
        longer.push_back(head);
        longer.back().push_back(value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::string folder_name(const std::vector<std::string>& values, int seed) {
  std::string name;
  for (const std::string& value : values) name += value + "_";
  for (char& c : name)
    if (c == '/' || c == ' ') c = '-';
  return name + "seed" + std::to_string(seed);
}

TrainRequest request_of(const SweepRequest& sweep, const SweepOutcome& outcome,
                        const SweepRun& run) {
  TrainRequest request = sweep.train;
  for (size_t i = 0; i < outcome.keys.size(); ++i)
    request.assignments.push_back(outcome.keys[i] + "=" + run.values[i]);
  if (sweep.seeds > 1) request.assignments.push_back("seed=" + std::to_string(run.seed));
  if (sweep.split_seeds)
    request.assignments.push_back("data.split.seed=" + std::to_string(run.seed));
  request.run_folder = run.folder;
  request.resume = RunFolder{run.folder}.exists();
  return request;
}

void write_outcome(const SweepOutcome& outcome) {
  Json json{{"schema", schema}, {"keys", outcome.keys}, {"runs", Json::array()}};
  for (const SweepRun& run : outcome.runs)
    json["runs"].push_back({{"values", run.values},
                            {"seed", run.seed},
                            {"folder", run.folder.filename().string()},
                            {"metrics", run.metrics}});
  write_file(outcome.folder / "sweep.json", json.dump(2) + "\n");
  write_file(outcome.folder / "sweep.md", sweep_table(outcome, true));
  write_sweep_report(outcome);
}

/// The metrics of a run that was finished before; refuses those of another recipe or other data.
Json finished_before(const TrainRequest& request) {
  std::vector<std::string> lines = differences_from_run(request);
  const RunFolder folder{request.run_folder};
  if (!lines.empty()) {
    lines.insert(lines.begin(),
                 folder.root.string() +
                     ": holds a finished run of another recipe or other data; give the sweep "
                     "another --run folder, or remove it");
    throw Error(Exit::usage, std::move(lines));
  }
  log::info(cat("finished before: ", folder.root.string()));
  return read_own_json(folder.metrics());
}

}  // namespace

SweepOutcome sweep(const SweepRequest& request) {
  SweepOutcome outcome;
  const std::vector<Axis> axes = parse_axes(request.over);
  for (const Axis& axis : axes)
    if (!axis.key.empty()) outcome.keys.push_back(axis.key);
  outcome.folder = request.train.run_folder;
  if (outcome.folder.empty())
    outcome.folder = fs::path("runs") / "sweeps" / request.train.recipe.stem();
  fs::create_directories(outcome.folder);
  const FolderLock lock(outcome.folder);
  for (const auto& values : combinations(axes)) {
    for (int seed = 1; seed <= request.seeds; ++seed) {
      SweepRun run{values, seed, outcome.folder / folder_name(values, seed), Json()};
      const TrainRequest one = request_of(request, outcome, run);
      run.metrics = RunFolder{run.folder}.finished() ? finished_before(one) : train(one).metrics;
      outcome.runs.push_back(std::move(run));
      write_outcome(outcome);
    }
  }
  return outcome;
}

}  // namespace kindred::run
