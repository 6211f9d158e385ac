#include "data/prepare.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/describe.h"
#include "data/filters.h"
#include "data/numbers.h"
#include "data/prepared.h"
#include "data/prepared_writer.h"
#include "data/raw.h"
#include "data/side_texts.h"
#include "data/split.h"
#include "data/store.h"

namespace kindred::data {
namespace {

Json to_json(const Counts& counts) {
  return {{"interactions", counts.interactions}, {"users", counts.users}, {"items", counts.items}};
}

Json filters_json(const std::vector<FilterStep>& steps) {
  Json list = Json::array();
  for (const FilterStep& step : steps)
    list.push_back({{"name", step.name},
                    {"setting", step.setting},
                    {"before", to_json(step.before)},
                    {"after", to_json(step.after)}});
  return list;
}

Json columns_json(const std::map<std::string, ColumnCounts>& columns) {
  Json object = Json::object();
  for (const auto& [name, counts] : columns)
    object[name] = {{"present", counts.present}, {"missing", counts.missing}};
  return object;
}

/// The folder's name, which its files carry; `.` and a trailing slash are looked through.
std::string base_name(const fs::path& output) {
  fs::path path = fs::absolute(output).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

/// Refuses to replace what no `prepare` has written.
void check_replaceable(const fs::path& output) {
  if (!fs::exists(output)) return;
  if (!fs::is_directory(output))
    throw Error(Exit::usage, output.string(), "is a file, expected a folder to write");
  if (fs::is_empty(output)) return;
  const std::string base = base_name(output);
  for (const auto& entry : fs::directory_iterator(output)) {
    const std::string name = entry.path().filename().string();
    const bool ours =
        name == "dataset.json" || name == ".lock" ||
        (name.starts_with(base + ".") &&
         (name.ends_with(".inter") || name.ends_with(".item") || name.ends_with(".user")));
    if (!ours || !fs::exists(output / "dataset.json"))
      throw Error(Exit::usage, output.string(),
                  cat("exists and is no prepared folder of that name (", name,
                      "); choose another --output"));
  }
}

std::vector<uint8_t> ids_in_use(const std::vector<Index>& column, const std::vector<uint8_t>& parts,
                                Index size) {
  std::vector<uint8_t> used(static_cast<size_t>(size), 0);
  for (size_t row = 0; row < column.size(); ++row)
    if (parts[row] != no_part) used[static_cast<size_t>(column[row])] = 1;
  return used;
}

std::string guessed_format(const fs::path& input) {
  if (!fs::exists(input)) throw Error(Exit::missing, input.string(), "no such file or folder");
  const auto format = guess_format(input);
  if (!format)
    throw Error(Exit::usage, "format",
                cat("cannot be guessed for ", input.string(), "; give one of ",
                    join(format_names(), ", ")));
  log::info(cat(input.string(), " is read as ", *format));
  return *format;
}

/// One run of prepare, step by step.
class Run {
 public:
  Run(PrepareOptions options, std::stop_token stop)
      : options_(std::move(options)), bad_(options_.max_bad_rows), context_{bad_, stop, {}} {}

  PrepareReport run() {
    check_options(options_);
    check_replaceable(options_.output);
    reader_ = open_raw(options_.input, options_);
    options_.split.kind = options_.split.resolved_kind(reader_->split());
    AtomicFolder folder(options_.output);
    RawColumns columns = reader_->columns();
    columns.review = columns.review && options_.reviews;
    const bool given = options_.split.kind == "given";
    RowStore store(options_, columns, folder.path() / ".reviews",
                   given ? RowStore::ReviewOrder::source : RowStore::ReviewOrder::user);
    reader_->interactions(store, context_);
    bad_.finish();
    store.finish();
    if (store.rows_read == 0)
      throw Error(Exit::bad_data, options_.input,
                  cat("holds no interaction that can be read",
                      bad_.first().empty() ? "" : "; its first row: ", bad_.first()));
    Selection selection = select_all(store);
    steps_ = apply_filters(store, options_, selection);
    parts_ = split_rows(store, selection, options_.split, split_report_);
    check_stop(context_.stop);
    write(folder, store, selection);
    check_stop(context_.stop);
    folder.commit(true);
    return {info_};
  }

 private:
  void write(const AtomicFolder& folder, RowStore& store, const Selection& selection) {
    SideTexts items(store.items, ids_in_use(store.item, parts_, store.items.size()), options_,
                    folder.path() / ".items");
    SideTexts users(store.users, ids_in_use(store.user, parts_, store.users.size()), options_,
                    folder.path() / ".users");
    BadRows bad_items(options_.max_bad_rows), bad_users(options_.max_bad_rows);
    ReadContext item_context{bad_items, context_.stop, {}},
        user_context{bad_users, context_.stop, {}};
    reader_->item_texts(items, item_context);
    bad_items.finish();
    reader_->user_texts(users, user_context);
    bad_users.finish();
    items.finish();
    users.finish();
    const std::string name = base_name(options_.output);
    const WrittenReport written = write_prepared(folder.path(), name, store, selection, parts_,
                                                 items, users, options_.split.kind == "given");
    describe(name, store, written);
    info_["texts"]["item"] = columns_json(written.item_columns);
    info_["texts"]["user"] = columns_json(written.user_columns);
    info_["texts"]["replaced_bytes"] = context_.report.replaced_bytes +
                                       item_context.report.replaced_bytes +
                                       user_context.report.replaced_bytes;
    info_["texts"]["cut"] = store.review_counts.cut + items.cut() + users.cut();
    info_["texts"]["bad_item_rows"] = bad_items.bad_count();
    info_["texts"]["bad_user_rows"] = bad_users.bad_count();
    write_file(folder.path() / "dataset.json", info_.dump(2) + "\n");
  }

  void describe(const std::string& name, const RowStore& store, const WrittenReport& written) {
    RawOptions raw = options_;
    raw.duplicates = duplicates_rule(options_);
    info_ = {{"schema", prepared_schema}, {"name", name}};
    info_["counts"] = to_json(written.whole);
    for (const Part part : all_parts)
      info_["counts"][part_name(part)] = to_json(written.parts[static_cast<size_t>(part)]);
    info_["counts"]["valid"]["cold_items"] = written.cold_valid_items;
    info_["counts"]["test"]["cold_items"] = written.cold_test_items;
    info_["counts"]["train_only_users"] = split_report_.train_only_users;
    info_["counts"]["before_first_month"] = split_report_.dropped;
    info_["rows"] = {{"read", bad_.read()}, {"bad", bad_.bad_count()}, {"first_bad", bad_.first()}};
    info_["filters"] = filters_json(steps_);
    info_["time_unit"] = store.time_unit;
    info_["missing_times"] = store.missing_times;
    if (store.columns.review) {
      info_["texts"]["review"] = {{"present", store.review_counts.present},
                                  {"empty", store.review_counts.empty}};
    }
    info_["options"] = write_options(raw);
    // Names without folders: the same data prepared elsewhere gives the same file.
    for (const auto& [name, path] :
         {std::pair{"input", options_.input}, {"items", options_.items}, {"users", options_.users}})
      info_["options"][name] = fs::path(path).filename().string();
    for (const auto& [file, hash] : written.files) info_["files"][file] = hash;
    info_["fingerprint"] = written.fingerprint;
  }

  PrepareOptions options_;
  BadRows bad_;
  ReadContext context_;
  std::unique_ptr<RawReader> reader_;
  std::vector<FilterStep> steps_;
  std::vector<uint8_t> parts_;
  SplitReport split_report_;
  Json info_;
};

}  // namespace

void check_options(const RawOptions& options) {
  std::vector<std::string> problems;
  const auto& formats = format_names();
  if (std::find(formats.begin(), formats.end(), options.format) == formats.end())
    problems.push_back(cat("format: got '", options.format, "', expected one of ",
                           join(formats, ", "), suggestion(options.format, formats)));
  if (options.rating_range.size() != 2 || options.rating_range[0] > options.rating_range[1])
    problems.emplace_back("rating_range: expected two numbers, the smaller first, such as 0,5");
  for (const auto& [name, text] : {std::pair{"from", options.from}, std::pair{"to", options.to}})
    if (!text.empty() && !parse_date(text))
      problems.push_back(cat(name, ": got '", text, "', expected a date such as 2014-05-31"));
  if (!problems.empty()) throw Error(Exit::usage, std::move(problems));
  duplicates_rule(options);
  BadRows{options.max_bad_rows};
}

PrepareReport prepare(const PrepareOptions& options, std::stop_token stop) {
  if (options.input.empty()) throw Error(Exit::usage, "input", "no file or folder given");
  if (options.output.empty()) throw Error(Exit::usage, "output", "no folder given");
  PrepareOptions chosen = options;
  if (chosen.format.empty()) chosen.format = guessed_format(chosen.input);
  return Run(std::move(chosen), stop).run();
}

}  // namespace kindred::data
