#include <iomanip>
#include <memory>
#include <sstream>

#include "cli/program.h"
#include "core/error.h"
#include "core/strings.h"
#include "data/prepare_options.h"
#include "eval/metrics/metric.h"
#include "lm/any_backbone.h"
#include "methods/catalog.h"
#include "run/options_page.h"
#include "run/registry.h"

namespace kindred::cli {
namespace {

using Row = std::pair<std::string, std::string>;

std::vector<Row> rows_of(const std::string& kind, const Program& program) {
  std::vector<Row> rows;
  if (kind == "recommenders") {
    for (const model::CatalogEntry& entry : methods::catalog())
      rows.push_back({entry.name, entry.summary});
  } else if (kind == "metrics") {
    for (const eval::MetricInfo& info : eval::all_metrics())
      rows.push_back({std::string(info.name) + (info.has_cutoff ? "@K" : ""), info.definition});
  } else if (kind == "backbones") {
    rows = lm::backbone_kinds();
  } else if (kind == "formats") {
    for (const std::string& name : data::format_names()) rows.push_back({name, ""});
  } else if (kind == "runs") {
    for (const run::RunRecord& record : run::registered_runs(program.paths.cache_root()))
      rows.push_back({record.folder, cat(record.method, " on ", record.dataset, ", ", record.state,
                                         ", ", record.started)});
  } else {
    const fs::path root = program.paths.data_root();
    for (const fs::path& from : {root, fs::path("data")}) {
      if (!fs::is_directory(from) || (from == "data" && root == from && !rows.empty())) continue;
      for (const auto& entry : fs::directory_iterator(from))
        if (entry.is_directory())
          rows.push_back(
              {entry.path().filename().string(),
               fs::exists(entry.path() / "dataset.json") ? "prepared folder" : "raw files"});
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  }
  return rows;
}

/// Options of one recommender, as the generated page has them.
std::string options_text(const std::string& name) {
  std::ostringstream out;
  for (const OptionRow& row : methods::find(name).options()) {
    out << "  " << row.name << " (" << row.type << ", default " << row.default_value << ")";
    if (!row.allowed.empty()) out << " " << row.allowed;
    out << "\n      " << row.help << '\n';
  }
  return out.str();
}

}  // namespace

void add_list(CLI::App& app, Program& program) {
  struct Typed {
    std::string kind = "recommenders", options_of;
    bool page = false;
  };
  auto typed = std::make_shared<Typed>();
  CLI::App* command =
      add_command(app, "list", "recommenders, datasets, metrics, backbones, formats or runs",
                  "kindred list metrics\n  kindred list --options cllm4rec");
  command->add_option("kind", typed->kind, "what to list")
      ->check(
          CLI::IsMember({"recommenders", "datasets", "metrics", "backbones", "formats", "runs"}));
  command->add_option("--options", typed->options_of, "options of this recommender");
  command->add_flag("--page", typed->page, "every option of everything, as a Markdown page");
  command->callback([typed, &program] {
    if (typed->page) return print(run::options_page());
    if (!typed->options_of.empty()) {
      if (!program.json) return print(options_text(typed->options_of));
      Json json = Json::array();
      for (const OptionRow& row : methods::find(typed->options_of).options())
        json.push_back({{"name", row.name},
                        {"type", row.type},
                        {"default", row.default_value},
                        {"allowed", row.allowed},
                        {"help", row.help}});
      return print(json);
    }
    const std::vector<Row> rows = rows_of(typed->kind, program);
    if (program.json) {
      Json json = Json::array();
      for (const auto& [name, about] : rows) json.push_back({{"name", name}, {"about", about}});
      return print(json);
    }
    size_t width = 0;
    for (const Row& row : rows) width = std::max(width, row.first.size());
    std::ostringstream out;
    for (const auto& [name, about] : rows)
      out << std::left << std::setw(static_cast<int>(width) + 2) << name << about << '\n';
    print(rows.empty() ? "none\n" : out.str());
  });
}

}  // namespace kindred::cli
