#include <memory>

#include "cli/program.h"
#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "run/compare_runs.h"
#include "run/evaluate_run.h"

namespace kindred::cli {
namespace {

std::vector<std::string> listed(const std::vector<std::string>& typed) {
  std::vector<std::string> all;
  for (const std::string& text : typed)
    for (const std::string& part : split(text, ','))
      if (!trim(part).empty()) all.emplace_back(trim(part));
  return all;
}

/// Groups may hold commas inside brackets, so they are not split there.
std::vector<std::string> listed_groups(const std::vector<std::string>& typed) {
  std::vector<std::string> all;
  for (const std::string& text : typed) {
    size_t begin = 0;
    for (size_t i = 0; i <= text.size(); ++i) {
      const bool next_names_group =
          i + 1 < text.size() && std::isalpha(static_cast<unsigned char>(text[i + 1]));
      if (i < text.size() && !(text[i] == ',' && next_names_group)) continue;
      if (i > begin) all.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  return all;
}

/// Further runs are judged on the candidates that the first one drew.
void read_what_was_written(run::EvaluateRequest& request) {
  if (request.write_candidates.empty()) return;
  request.candidates = request.write_candidates;
  request.write_candidates.clear();
  request.negatives.reset();
}

}  // namespace

void add_evaluate(CLI::App& app, Program& program) {
  struct Typed {
    std::vector<fs::path> runs;
    std::vector<std::string> metrics, groups;
    std::string ensemble;
    int64_t negatives = 0;
    run::EvaluateRequest request;
  };
  auto typed = std::make_shared<Typed>();
  CLI::App* command = add_command(app, "evaluate", "metrics of finished runs under any protocol",
                                  "kindred evaluate runs/sample/ease/… --metrics recall@10,ndcg@10 "
                                  "--groups item-popularity --dump lists.tsv");
  run::EvaluateRequest& request = typed->request;
  command->add_option("runs", typed->runs, "run folders")->required();
  command
      ->add_option("--protocol", request.protocol,
                   "full, candidates or pointwise (default: the run's)")
      ->check(CLI::IsMember({"full", "candidates", "pointwise"}));
  command->add_option("--split", request.split, "train, valid or test")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  command->add_option("--metrics", typed->metrics, "metric names, separated by commas");
  command->add_option(
      "--groups", typed->groups,
      "user-activity, item-popularity, cold-users, cold-items, pairs:3, pairs-code, "
      "items-top:35%, items-bottom:35%");
  command->add_option("--data", request.data, "another dataset, or where the run's own lies now");
  command->add_option("--candidates", request.candidates,
                      "file of candidates (user:token, candidates:token_seq)");
  command
      ->add_option("--users", request.users,
                   "unseen judges everybody as a person never seen, served from the history alone")
      ->check(CLI::IsMember({"known", "unseen"}));
  command->add_option("--negatives", typed->negatives, "sampled negatives of protocol candidates");
  command->add_option("--write-candidates", request.write_candidates,
                      "write the sampled candidates here, for --candidates of other evaluations");
  command
      ->add_option("--ensemble", typed->ensemble,
                   "judge the runs together: mean of their scores, each standardised per person "
                   "over all items")
      ->check(CLI::IsMember({"mean"}));
  command->add_option("--dump", request.dump,
                      "write every user's list with scores and held-out items here");
  command->add_option("--top", request.top, "depth of the dump")->check(CLI::Range(1, 10000000));
  add_precision(*command, request.open.precision);
  command->callback([typed, &program] {
    run::EvaluateRequest request = typed->request;
    request.metrics = listed(typed->metrics);
    request.groups = listed_groups(typed->groups);
    if (typed->negatives > 0) request.negatives = typed->negatives;
    request.paths = program.paths;
    request.open.device = program.device;
    request.stop = program.stop;
    if (!request.dump.empty() && typed->runs.size() > 1 && typed->ensemble.empty())
      throw Error(Exit::usage, "--dump", "takes one run at a time; each would overwrite the last");
    std::vector<fs::path> runs = typed->runs;
    if (!typed->ensemble.empty()) {
      if (runs.size() < 2)
        throw Error(Exit::usage, "--ensemble", "got one run, expected at least two");
      request.ensemble.assign(runs.begin() + 1, runs.end());
      runs.resize(1);
    }
    Json all = Json::array();
    for (const fs::path& run : runs) {
      request.run = run;
      all.push_back(run::evaluate_run(request));
      read_what_was_written(request);
      const std::string title =
          typed->ensemble.empty() ? run.string() : cat("mean of ", typed->runs.size(), " runs");
      if (!program.json) print(run::evaluation_text(all.back(), title));
    }
    if (program.json) print(all.size() == 1 ? all[0] : all);
  });
}

void add_compare(CLI::App& app, Program& program) {
  struct Typed {
    run::CompareRequest request;
    std::vector<std::string> metrics;
    fs::path markdown, html;
  };
  auto typed = std::make_shared<Typed>();
  CLI::App* command =
      add_command(app, "compare", "one table over runs, seeds grouped, with paired tests",
                  "kindred compare runs/sample/*/* --relative-to cllm4rec");
  command
      ->add_option("runs", typed->request.runs,
                   "finished run folders, or evaluations kept of them (evaluations/*.json.gz)")
      ->required();
  command->add_option("--relative-to", typed->request.relative_to,
                      "run or row that the others are tested against");
  command->add_option("--metrics", typed->metrics, "metric names, separated by commas");
  command
      ->add_option("--protocol", typed->request.protocol,
                   "each run's evaluation under this protocol (default: the run's own)")
      ->check(CLI::IsMember({"full", "candidates", "pointwise"}));
  command->add_option("--candidates", typed->request.candidates,
                      "each run's evaluation on this file of candidates");
  command->add_option("--markdown", typed->markdown, "write the tables here as Markdown");
  command->add_option("--html", typed->html, "write the tables here as a page");
  command->callback([typed, &program] {
    typed->request.metrics = listed(typed->metrics);
    const eval::ComparisonReport report = run::compare(typed->request);
    if (!typed->markdown.empty()) {
      std::string text = eval::to_markdown(report.table);
      if (!report.differences.rows.empty()) text += "\n" + eval::to_markdown(report.differences);
      write_file(typed->markdown, text);
    }
    if (!typed->html.empty()) run::write_comparison_page(typed->html, report);
    if (program.json) return print(eval::to_json(report));
    print(eval::to_text(report.table));
    if (!report.differences.rows.empty()) print("\n" + eval::to_text(report.differences));
  });
}

}  // namespace kindred::cli
