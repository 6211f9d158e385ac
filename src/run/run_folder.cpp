#include "run/run_folder.h"

#include <array>
#include <fstream>

#include "core/error.h"
#include "core/strings.h"
#include "core/yaml.h"
#include "data/histories.h"
#include "methods/catalog.h"
#include "model/device.h"

namespace kindred::run {

using data::Index;

Json read_own_json(const fs::path& path, int newest) {
  Json value = read_json(path.string());
  const int found = value.is_object() ? value.value("schema", 0) : 0;
  if (found > newest || found < newest - 1)
    throw Error(Exit::bad_data, path.string(),
                cat("got schema ", found, ", expected ", newest, "; ",
                    found > newest ? "a newer Kindred wrote it" : "it is too old to be read"));
  return value;
}

namespace {

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  return text;
}

void save_users(const fs::path& path, const data::Dataset& data) {
  using data::Part;
  const std::array columns{data::histories(data, std::array{Part::train}).items,
                           data::histories(data, std::array{Part::train, Part::valid}).items,
                           data.distinct_by_user(data::all_parts)};
  write_file(path, [&](std::ostream& out) {
    out << "user:token\ttrain:token_seq\thistory:token_seq\tknown:token_seq\n";
    for (Index u = 0; u < data.user_count(); ++u) {
      out << data.users.token(u);
      for (const data::Csr& column : columns) {
        const char* between = "\t";
        if (column.row(u).empty()) out << between;
        for (const Index item : column.row(u)) {
          out << between << data.items.token(item);
          between = " ";
        }
      }
      out << '\n';
    }
  });
}

}  // namespace

void save_model(const fs::path& folder, const model::Recommender& recommender,
                const data::Dataset& data) {
  AtomicFolder target(folder);
  const std::vector<int64_t> counts = data.item_popularity();
  write_file(target.path() / "items.tsv", [&](std::ostream& out) {
    out << "item:token\ttitle:token_seq\ttrain:float\n";
    for (Index i = 0; i < data.item_count(); ++i)
      out << data.items.token(i) << '\t' << one_line(data.title(i)) << '\t' << counts[i] << '\n';
  });
  save_users(target.path() / "users.tsv", data);
  Json json{{"schema", model_schema}, {"method", recommender.name()}};
  json["model"] = recommender.save(target.path());
  write_file(target.path() / "kindred.json", json.dump(2) + "\n");
  target.commit(true);
}

namespace {

/// Lines of a tab-separated file after its header, split; throws when a line has not `columns`
/// fields.
template <class Use>
void each_row(const fs::path& path, size_t columns, Use use) {
  std::ifstream file(path);
  if (!file) throw Error(Exit::missing, path.string(), "cannot be opened");
  std::string line;
  std::getline(file, line);
  for (int64_t number = 2; std::getline(file, line); ++number) {
    const std::vector<std::string> fields = split(line, '\t');
    if (fields.size() != columns)
      throw Error(Exit::bad_data, cat(path.string(), ":", number),
                  cat("got ", fields.size(), " fields, expected ", columns));
    use(fields);
  }
}

std::vector<Index> known_items(const std::string& tokens, const data::IdMap& items) {
  std::vector<Index> found;
  if (tokens.empty()) return found;
  for (const std::string& token : split(tokens, ' '))
    if (const auto index = items.find(token)) found.push_back(*index);
  return found;
}

/// `found`: the schema of the folder. Schema 1 had the columns train and valid, whose union is all
/// that it knew of a person.
void read_tokens(OpenedRun& run, int found) {
  run.users = std::make_shared<data::IdMap>();
  run.items = std::make_shared<data::IdMap>();
  each_row(run.folder.model() / "items.tsv", 3, [&](const std::vector<std::string>& fields) {
    run.items->add(fields[0]);
    run.titles.push_back(fields[1]);
    run.training_counts.push_back(std::stoll(fields[2]));
  });
  const bool before = found < 2;
  const size_t columns = before ? 3 : 4;
  each_row(run.folder.model() / "users.tsv", columns, [&](const std::vector<std::string>& fields) {
    run.users->add(fields[0]);
    run.train.push_back(known_items(fields[1], *run.items));
    std::vector<Index> more = known_items(fields[2], *run.items);
    if (before) more.insert(more.begin(), run.train.back().begin(), run.train.back().end());
    run.history.push_back(std::move(more));
    run.known.push_back(before ? run.history.back() : known_items(fields[3], *run.items));
  });
}

}  // namespace

OpenedRun open_run(const fs::path& root, const OpenOptions& options) {
  OpenedRun run;
  run.folder.root = root;
  if (!fs::exists(root)) throw Error(Exit::missing, root.string(), "there is no such run folder");
  if (!fs::exists(run.folder.model() / "kindred.json"))
    throw Error(Exit::missing, root.string(),
                "holds no model/kindred.json; is it a run folder whose training finished?");
  const Json json = read_own_json(run.folder.model() / "kindred.json", model_schema);
  run.method = json.value("method", "");
  read_tokens(run, json.value("schema", 0));
  run.config = parse_yaml(read_file(run.folder.config()), run.folder.config().string());
  run.data = read_own_json(run.folder.data());
  model::SavedModel saved{run.folder.model(), json.at("model"), run.users, run.items,
                          model::find_device(options.device)};
  const Json backbone = run.config.value("backbone", Json::object());
  saved.precision = backbone.value("precision", "auto");
  if (!options.precision.empty()) {
    if (backbone.value("path", "").empty())
      throw Error(Exit::config, "precision",
                  cat("got ", options.precision, ", but ", root.string(),
                      " holds a method without a language model; leave it out"));
    saved.precision = options.precision;
  }
  run.recommender = methods::find(run.method).load(saved);
  return run;
}

}  // namespace kindred::run
