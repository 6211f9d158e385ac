#include "run/compare_runs.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/hash.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/kept_evaluation.h"
#include "eval/metrics/metrics_file.h"
#include "eval/metrics/report.h"
#include "run/judge.h"
#include "run/run_folder.h"

namespace kindred::run {
namespace {

/// One evaluation as the comparison wants it.
struct Finished {
  eval::RunOutcome outcome;
  std::string part = "test";
  std::string identity;  ///< of the recipe
  fs::path folder;       ///< of the run, what rows of one recipe are told apart by
};

/// An evaluation in a run folder that may be the one asked for.
struct Found {
  eval::Protocol protocol;
  eval::NamedValues values;
  std::string stem;  ///< of its files
};

/// Which evaluation of each run is compared.
struct Wanted {
  std::string protocol;                             ///< empty: the run's own
  std::string sha256;                               ///< of the candidates; empty: any
  std::optional<eval::Protocol> protocol_of_first;  ///< what the others must equal
  std::vector<std::string> metrics;

  bool fits(const eval::Protocol& found) const {
    if (found.name != protocol) return false;
    if (!sha256.empty() && found.sha256 != sha256) return false;
    return !protocol_of_first || found == *protocol_of_first;
  }
};

bool is_kept(const fs::path& path) {
  return fs::is_regular_file(path) && path.string().ends_with(".json.gz");
}

/// Whether an evaluation on data given by path is of the split the run was trained on.
bool of_own_split(const RunFolder& folder, const fs::path& evaluation) {
  const fs::path kept = evaluation.string() + ".gz";
  return fs::exists(kept) && eval::read_kept_evaluation(kept).split ==
                                 read_own_json(folder.data()).value("fingerprint", "");
}

/// The evaluations of the test part in a run folder: its own first, then those that `evaluate` left
/// there, of the run as it is on its own split; people served as never seen last.
std::vector<Found> evaluations_of(const RunFolder& folder) {
  const eval::MetricsFile own = eval::read_metrics(folder.metrics());
  std::vector<Found> found{
      {own.protocol, own.test, evaluation_stem(own.protocol.name, data::Part::test)}};
  std::vector<fs::path> files;
  if (fs::is_directory(folder.evaluations()))
    for (const auto& entry : fs::directory_iterator(folder.evaluations()))
      if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const Json json = read_own_json(file);
    const Json asked = json.value("asked", Json::object());
    if (asked.contains("precision") || (asked.contains("data") && !of_own_split(folder, file)))
      continue;
    const eval::MetricsFile metrics = eval::metrics_from_json(json, file.string());
    const std::string stem = file.stem().string();
    // An evaluation of the training part stands under "test" in its file too.
    if (!metrics.test.empty() &&
        stem.starts_with(evaluation_stem(metrics.protocol.name, data::Part::test)))
      found.push_back({metrics.protocol, metrics.test, stem});
  }
  std::erase_if(found, [](const Found& one) { return one.values.empty(); });
  if (found.empty())
    throw Error(Exit::config, folder.root.string(),
                own.final_run
                    ? "was trained on everything (--final), so nothing of it was judged; compare "
                      "runs of the recipe without --final"
                    : "has no test part that was judged, so there is nothing to compare");
  std::ranges::stable_sort(found, {}, [](const Found& one) { return one.protocol.unseen; });
  return found;
}

bool has_all(const eval::NamedValues& values, const std::vector<std::string>& names) {
  return std::ranges::all_of(names, [&](const std::string& name) {
    return std::ranges::find(values, name, &eval::NamedValue::name) != values.end();
  });
}

/// The evaluation that fits, one with every metric asked for before others.
std::optional<Found> choose(const std::vector<Found>& all, const Wanted& wanted) {
  if (wanted.protocol.empty()) return all.front();
  std::optional<Found> chosen;
  for (const Found& one : all) {
    if (!wanted.fits(one.protocol)) continue;
    if (has_all(one.values, wanted.metrics)) return one;
    if (!chosen) chosen = one;
  }
  return chosen;
}

void take(eval::PointwiseDump dump, eval::RunOutcome& outcome) {
  outcome.n_users = dump.users.size();
  outcome.rows = std::move(dump.rows);
}

/// Values per person, as they lie in the folder.
void read_values(const RunFolder& folder, const Found& found, eval::RunOutcome& outcome) {
  const fs::path base = folder.evaluations() / found.stem;
  if (const fs::path kept = base.string() + ".json.gz"; fs::exists(kept)) {
    eval::KeptEvaluation all = eval::read_kept_evaluation(kept);
    outcome.users = std::move(all.users);
    return take(std::move(all.rows), outcome);
  }
  // A folder of an earlier version.
  const fs::path users = base.string() + ".users.tsv", rows = base.string() + ".rows.tsv";
  if (fs::exists(users)) outcome.users = eval::read_user_metrics(users);
  if (fs::exists(rows)) take(eval::read_pointwise_dump(rows), outcome);
}

Finished finished(const RunFolder& folder, const Found& found) {
  const Json config = parse_yaml(read_file(folder.config()), folder.config().string());
  Finished result;
  eval::RunOutcome& outcome = result.outcome;
  outcome.label = config.value("recipe", config.value("method", ""));
  outcome.path = folder.root.string();
  outcome.seed = config.value("seed", uint64_t{0});
  outcome.split = read_own_json(folder.data()).value("fingerprint", "");
  outcome.protocol = found.protocol;
  outcome.values = found.values;
  read_values(folder, found, outcome);
  result.identity = recipe_identity(config);
  result.folder = (fs::absolute(folder.root) / "").lexically_normal().parent_path();
  return result;
}

Finished from_kept(const fs::path& path, eval::KeptEvaluation kept) {
  Finished result;
  eval::RunOutcome& outcome = result.outcome;
  outcome.label = kept.label;
  outcome.path = path.string();
  outcome.seed = kept.seed;
  outcome.split = kept.split;
  outcome.protocol = kept.protocol;
  outcome.values = kept.values;
  outcome.users = std::move(kept.users);
  take(std::move(kept.rows), outcome);
  result.part = kept.part;
  result.identity = kept.recipe;
  result.folder = kept.run;
  return result;
}

/// The command that makes the evaluation a run lacks.
std::string command_for(const fs::path& run, const Wanted& wanted, const std::string& candidates) {
  std::string command = cat("kindred evaluate ", run.string(), " --protocol ", wanted.protocol);
  if (!candidates.empty()) return cat(command, " --candidates ", candidates);
  if (!wanted.protocol_of_first) return command;
  const eval::Protocol& first = *wanted.protocol_of_first;
  if (first.file) command += cat(" --candidates ", *first.file);
  if (!first.file && first.negatives) command += cat(" --negatives ", *first.negatives);
  if (first.unseen) command += " --users unseen";
  return command;
}

/// The evaluations of a run folder or the one that a file holds.
class Source {
 public:
  explicit Source(fs::path path) : path_(std::move(path)), folder_{path_} {
    if (is_kept(path_)) {
      kept_ = eval::read_kept_evaluation(path_);
      found_.push_back({kept_->protocol, kept_->values, ""});
      return;
    }
    if (!folder_.finished())
      throw Error(Exit::missing, path_.string(),
                  folder_.exists()
                      ? "this run is not finished; `kindred train … --resume` goes on with it"
                      : "is no run folder: it holds no config.yaml");
    found_ = evaluations_of(folder_);
  }

  std::optional<Found> find(const Wanted& wanted) const { return choose(found_, wanted); }
  Finished open(const Found& found) {
    return kept_ ? from_kept(path_, std::move(*kept_)) : finished(folder_, found);
  }
  /// What is to be done about the evaluation it lacks.
  std::string lacks(const Wanted& wanted, const std::string& candidates) const {
    if (kept_)
      return cat(path_.string(), ": is an evaluation by '", eval::describe(kept_->protocol),
                 "', not the one asked for");
    return cat(path_.string(), ": holds no such evaluation under protocol ", wanted.protocol,
               "; make it with `", command_for(path_, wanted, candidates), "`");
  }

 private:
  fs::path path_;
  RunFolder folder_;
  std::optional<eval::KeptEvaluation> kept_;
  std::vector<Found> found_;
};

Wanted wanted_of(const CompareRequest& request) {
  Wanted wanted{request.protocol, "", {}, request.metrics};
  if (request.candidates.empty()) return wanted;
  if (!wanted.protocol.empty() && wanted.protocol != "candidates")
    throw Error(Exit::usage, "--candidates",
                cat("is of protocol candidates, and --protocol is ", wanted.protocol));
  wanted.protocol = "candidates";
  wanted.sha256 = file_fingerprint(request.candidates);
  return wanted;
}

/// The evaluation asked for of every run; all that lack it are named at once.
std::vector<Finished> read_all(const CompareRequest& request) {
  Wanted wanted = wanted_of(request);
  std::vector<Source> sources;
  for (const fs::path& run : request.runs) sources.emplace_back(run);
  for (const Source& source : sources) {
    const std::optional<Found> found = source.find(wanted);
    if (found && !wanted.protocol.empty() && !wanted.protocol_of_first)
      wanted.protocol_of_first = found->protocol;
  }
  std::vector<Finished> all;
  std::vector<std::string> lacking;
  for (Source& source : sources) {
    if (const std::optional<Found> found = source.find(wanted))
      all.push_back(source.open(*found));
    else
      lacking.push_back(source.lacks(wanted, request.candidates));
  }
  if (!lacking.empty()) throw Error(Exit::missing, std::move(lacking));
  for (const Finished& one : all)
    if (one.part != all.front().part)
      throw Error(Exit::config, one.outcome.path,
                  cat("is an evaluation of the ", one.part, " part, and ", all.front().outcome.path,
                      " of the ", all.front().part, " part"));
  return all;
}

/// What a row of these runs of one configuration is called by: the folder of its only run, or the
/// folder that holds them all (the run folder of a sweep), as the path's last name.
std::string folder_name(const std::vector<fs::path>& runs) {
  if (runs.size() == 1) return runs.front().filename().string();
  for (const fs::path& run : runs)
    if (run.parent_path() != runs.front().parent_path()) return runs.front().filename().string();
  return runs.front().parent_path().filename().string();
}

/// Runs of one recipe with different options are different rows, named by their folders too, and by
/// a number where these have one name.
void tell_apart(std::vector<Finished>& all) {
  std::map<std::string, std::map<std::string, std::vector<fs::path>>> runs_of;  // label, identity
  for (const Finished& one : all) runs_of[one.outcome.label][one.identity].push_back(one.folder);
  std::map<std::pair<std::string, std::string>, std::string> name_of;
  for (const auto& [label, identities] : runs_of) {
    std::map<std::string, int> seen;
    for (const auto& [identity, runs] : identities) {
      const std::string folder = folder_name(runs);
      const int number = ++seen[folder];
      const std::string counted = number > 1 ? cat(folder, " ", number) : folder;
      name_of[{label, identity}] = identities.size() > 1 ? cat(label, " (", counted, ")") : label;
    }
  }
  for (Finished& one : all) one.outcome.label = name_of[{one.outcome.label, one.identity}];
}

/// The row that `asked` stands for: that of the run in this folder, else the one of this name.
std::string reference_row(const std::vector<Finished>& all, const fs::path& asked) {
  if (asked.empty()) return "";
  std::vector<std::string> labels;
  for (const Finished& one : all) {
    if (fs::exists(asked) && fs::equivalent(one.outcome.path, asked)) return one.outcome.label;
    if (std::ranges::find(labels, one.outcome.label) == labels.end())
      labels.push_back(one.outcome.label);
  }
  if (std::ranges::find(labels, asked.string()) != labels.end()) return asked.string();
  throw Error(
      Exit::usage, "--relative-to",
      cat("got ", quote(asked.string()),
          ", expected the folder of one of the runs or the name of a row: ", join(labels, ", ")));
}

}  // namespace

eval::ComparisonReport compare(const CompareRequest& request) {
  std::vector<Finished> all = read_all(request);
  if (all.empty()) throw Error(Exit::usage, "kindred compare", "got no run, expected at least one");
  tell_apart(all);
  eval::CompareSettings settings;
  settings.reference = reference_row(all, request.relative_to);
  std::vector<eval::RunOutcome> outcomes;
  for (Finished& one : all) outcomes.push_back(std::move(one.outcome));
  std::vector<std::string> names = request.metrics;
  if (names.empty())
    for (const eval::NamedValue& value : outcomes.front().values) names.push_back(value.name);
  settings.metrics = eval::parse_metrics(names);
  settings.bootstrap.threads = at::get_num_threads();
  return eval::compare_runs(outcomes, settings);
}

void write_comparison_page(const fs::path& path, const eval::ComparisonReport& report) {
  eval::ReportData page;
  page.title = "Comparison";
  page.subtitle = eval::describe(report.protocol);
  eval::ReportSection section{"Results", "", {}, {report.table}};
  if (!report.differences.rows.empty()) section.tables.push_back(report.differences);
  page.sections.push_back(std::move(section));
  eval::write_report(path, page);
}

}  // namespace kindred::run
