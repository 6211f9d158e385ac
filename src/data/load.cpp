// Reading a prepared folder, or bare RecBole files.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/atomic.h"
#include "data/dataset.h"
#include "data/lines.h"
#include "data/load_all.h"
#include "data/numbers.h"
#include "data/prepared.h"
#include "data/split_fingerprint.h"
#include "data/text_column.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

/// An atomic file's rows, checked against its header. Lines may hold more bytes than one text: the
/// reader's limit on lines is an error here, since nothing may be skipped in a split.
class AtomicReader {
 public:
  explicit AtomicReader(const fs::path& path) : lines_(path) {
    std::string_view line;
    if (!lines_.next(line))
      throw Error(Exit::bad_data, path.string(), "is empty, expected a header of name:type fields");
    fields_ = parse_header(line, lines_.where());
  }

  const std::vector<Field>& fields() const { return fields_; }
  int find(std::string_view name) const { return find_field(fields_, name); }
  int require(std::string_view name) const {
    const int column = find(name);
    if (column < 0)
      throw Error(Exit::bad_data, lines_.path().string(), cat("has no field '", name, "'"));
    return column;
  }

  bool next() {
    std::string_view line;
    do {
      if (!lines_.next(line)) return false;
      if (lines_.too_long())
        throw Error(Exit::bad_data, lines_.where(),
                    cat("line above ", LineReader::default_max_line, " bytes"));
    } while (line.empty());
    line_ = line;
    split_fields(line, '\t', row_);
    if (row_.size() != fields_.size())
      throw Error(Exit::bad_data, lines_.where(),
                  cat("has ", row_.size(), " fields, the header has ", fields_.size()));
    return true;
  }

  std::string_view raw(int column) const { return row_[static_cast<size_t>(column)]; }
  uint64_t raw_offset(int column) const {
    return lines_.offset() + static_cast<uint64_t>(raw(column).data() - line_.data());
  }
  /// A token; never empty.
  std::string_view token(int column) {
    std::string_view text = raw(column);
    if (starts_quoted(text)) text = token_ = unquoted(text);
    if (text.empty())
      throw Error(Exit::bad_data, lines_.where(), cat("field '", name(column), "' is empty"));
    return text;
  }
  double number(int column) const {
    const auto value = parse_number(raw(column));
    if (!value || !std::isfinite(*value))
      throw Error(
          Exit::bad_data, lines_.where(),
          cat("field '", name(column), "' is '", shown(raw(column)), "', expected a number"));
    return *value;
  }
  const std::string& name(int column) const { return fields_[static_cast<size_t>(column)].name; }
  std::string where() const { return lines_.where(); }

 private:
  LineReader lines_;
  std::vector<Field> fields_;
  std::string_view line_;
  std::vector<std::string_view> row_;
  std::string token_;
};

bool is_text(const Field& field) {
  return field.type == FieldType::token || field.type == FieldType::token_seq;
}

/// A `.item` or `.user` file: numbers its ids in the file's order and notes where its texts lie.
void load_side(const fs::path& path, std::string_view id_field, IdMap& ids,
               std::unordered_map<std::string, std::shared_ptr<TextColumn>>& texts) {
  AtomicReader reader(path);
  const int id = reader.require(id_field);
  const auto file = std::make_shared<const OffsetFile>(path);
  std::vector<std::pair<int, std::shared_ptr<AtomicTextColumn>>> columns;
  for (size_t i = 0; i < reader.fields().size(); ++i)
    if (static_cast<int>(i) != id && is_text(reader.fields()[i]))
      columns.emplace_back(static_cast<int>(i), std::make_shared<AtomicTextColumn>(file, 0));
  int64_t repeated = 0;
  std::string first_repeated;
  while (reader.next()) {
    const Index before = ids.size();
    const Index row = ids.add(reader.token(id));
    if (row != before) {
      if (repeated++ == 0) first_repeated = cat(reader.where(), ": '", shown(ids.token(row)), "'");
      continue;
    }
    for (auto& [column, texts_of] : columns)
      texts_of->set(row, reader.raw_offset(column),
                    static_cast<uint32_t>(reader.raw(column).size()));
  }
  for (auto& [column, texts_of] : columns) texts[reader.name(column)] = texts_of;
  if (repeated > 0)
    log::warning(
        cat(repeated, " ids occur more than once, their first rows count (", first_repeated, ")"));
}

/// Positions or seconds; a fraction of a second is dropped.
int64_t to_time(double value, const std::string& where) {
  if (std::abs(value) > 9e18)
    throw Error(Exit::bad_data, where, cat("timestamp ", number(value), " is out of range"));
  return static_cast<int64_t>(std::floor(value));
}

/// Reads one part. Texts are noted only where `reviews` is given: for rows that are trained on.
void load_part(const fs::path& path, Dataset& dataset, Part part,
               std::shared_ptr<AtomicTextColumn>* reviews) {
  AtomicReader reader(path);
  InteractionTable& table = dataset.parts[static_cast<size_t>(part)];
  const int user = reader.require("user_id"), item = reader.require("item_id");
  const int rating = reader.find("rating"), label = reader.find("label");
  const int time = reader.find("timestamp");
  const int review = reviews ? reader.find("review") : -1;
  if (review >= 0)
    *reviews = std::make_shared<AtomicTextColumn>(std::make_shared<const OffsetFile>(path), 0);
  while (reader.next()) {
    table.user.push_back(dataset.users.add(reader.token(user)));
    table.item.push_back(dataset.items.add(reader.token(item)));
    if (rating >= 0) table.rating.push_back(static_cast<float>(reader.number(rating)));
    if (label >= 0) table.label.push_back(static_cast<float>(reader.number(label)));
    if (time >= 0) table.time.push_back(to_time(reader.number(time), reader.where()));
    if (review >= 0)
      (*reviews)->set(table.size() - 1, reader.raw_offset(review),
                      static_cast<uint32_t>(reader.raw(review).size()));
  }
}

std::string split_fingerprint(const Dataset& dataset) {
  SplitFingerprint fingerprint(dataset.users.tokens(), dataset.items.tokens());
  for (const Part part : all_parts) {
    const InteractionTable& table = dataset.part(part);
    for (size_t i = 0; i < table.user.size(); ++i)
      fingerprint.add(part, table.user[i], table.item[i],
                      table.label.empty() ? 0.0f : table.label[i]);
  }
  return fingerprint.finish();
}

/// Columns of several files, one after another.
class JoinedColumn : public TextColumn {
 public:
  /// The next `rows` rows: those of `column`, or (where that is null) without texts.
  void add(std::shared_ptr<const TextColumn> column, int64_t rows) {
    columns_.push_back(std::move(column));
    starts_.push_back(starts_.back() + rows);
  }

  std::string get(int64_t row) const override {
    const auto [column, at] = find(row);
    return column ? column->get(at) : "";
  }
  bool has(int64_t row) const override {
    const auto [column, at] = find(row);
    return column && column->has(at);
  }
  int64_t rows() const override { return starts_.back(); }

 private:
  std::pair<const TextColumn*, int64_t> find(int64_t row) const {
    size_t c = 0;
    while (row >= starts_[c + 1]) ++c;
    return {columns_[c].get(), row - starts_[c]};
  }

  std::vector<std::shared_ptr<const TextColumn>> columns_;
  std::vector<int64_t> starts_{0};
};

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// Makes the rows of every part training rows.
void put_all_into_train(Dataset& dataset,
                        const std::array<std::shared_ptr<AtomicTextColumn>, 3>& reviews) {
  bool rated = true, timed = true, labelled = false;
  for (const InteractionTable& table : dataset.parts) {
    if (table.size() == 0) continue;
    rated = rated && !table.rating.empty();
    timed = timed && !table.time.empty();
    labelled = labelled || !table.label.empty();
  }
  InteractionTable all;
  const auto joined = std::make_shared<JoinedColumn>();
  for (size_t p = 0; p < dataset.parts.size(); ++p) {
    const InteractionTable& table = dataset.parts[p];
    append(all.user, table.user);
    append(all.item, table.item);
    if (rated) append(all.rating, table.rating);
    if (timed) append(all.time, table.time);
    if (labelled) append(all.label, table.label);
    if (labelled) all.label.resize(all.user.size(), 1.0f);
    joined->add(reviews[p], table.size());
  }
  dataset.parts = {std::move(all), {}, {}};
  const bool reviewed =
      std::ranges::any_of(reviews, [](const auto& part) { return part != nullptr; });
  if (reviewed) dataset.reviews = joined;
}

void extend_texts(std::unordered_map<std::string, std::shared_ptr<TextColumn>>& texts, Index rows) {
  for (auto& [name, column] : texts) static_cast<AtomicTextColumn&>(*column).resize(rows);
}

/// Over the hashes of the files: those of dataset.json, or computed now for bare files.
std::string content_fingerprint(const Json& info, const AtomicFiles& files) {
  Json hashes = Json::array();
  if (info.is_object() && info.contains("files")) {
    for (const auto& [name, hash] : info["files"].items()) hashes.push_back(hash);
    return fingerprint(hashes.dump());
  }
  for (const fs::path& path :
       {files.parts[0], files.parts[1], files.parts[2], files.items, files.users})
    hashes.push_back(path.empty() ? "" : file_fingerprint(path));
  return fingerprint(hashes.dump());
}

/// `all_train`: makes every row a training row.
std::shared_ptr<const Dataset> load(const fs::path& folder, bool all_train) {
  const AtomicFiles files = find_atomic_files(folder);
  if (!files.split())
    throw Error(Exit::missing, folder.string(),
                cat("has no train.inter; ", files.whole.filename().string(),
                    " is not split: run `kindred prepare --format recbole` on it first"));
  auto dataset = std::make_shared<Dataset>();
  dataset->name = files.name;
  if (fs::exists(folder / "dataset.json")) dataset->info = read_prepared_info(folder);
  if (!files.users.empty()) load_side(files.users, "user_id", dataset->users, dataset->user_texts);
  if (!files.items.empty()) load_side(files.items, "item_id", dataset->items, dataset->item_texts);
  std::array<std::shared_ptr<AtomicTextColumn>, 3> reviews;
  for (const Part part : all_parts) {
    const auto p = static_cast<size_t>(part);
    if (!files.parts[p].empty())
      load_part(files.parts[p], *dataset, part,
                all_train || part == Part::train ? &reviews[p] : nullptr);
    else
      log::warning(
          cat(folder.string(), ": has no ", part_name(part), ".inter; that part is empty"));
  }
  dataset->reviews = reviews[0];
  if (dataset->part(Part::train).size() == 0)
    throw Error(Exit::bad_data, files.parts[0].string(), "holds no interaction");
  extend_texts(dataset->item_texts, dataset->item_count());
  extend_texts(dataset->user_texts, dataset->user_count());
  dataset->fingerprint = split_fingerprint(*dataset);
  dataset->content_fingerprint = content_fingerprint(dataset->info, files);
  if (dataset->info.is_object() &&
      dataset->info.value("fingerprint", dataset->fingerprint) != dataset->fingerprint)
    throw Error(Exit::bad_data, folder.string(),
                "the interactions are not those dataset.json was written for; prepare the folder "
                "again (or remove dataset.json to read the files as they are)");
  if (!all_train) return dataset;
  put_all_into_train(*dataset, reviews);
  dataset->fingerprint = split_fingerprint(*dataset);
  dataset->content_fingerprint = fingerprint(dataset->content_fingerprint + " all train");
  return dataset;
}

}  // namespace

std::shared_ptr<const Dataset> load_dataset(const fs::path& folder) {
  return load(folder, false);
}

std::shared_ptr<const Dataset> load_all_train(const fs::path& folder) {
  return load(folder, true);
}

}  // namespace kindred::data
