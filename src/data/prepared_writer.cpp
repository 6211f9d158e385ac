#include "data/prepared_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/strings.h"
#include "data/atomic.h"
#include "data/numbers.h"
#include "data/split.h"
#include "data/split_fingerprint.h"
#include "data/user_reviews.h"

namespace kindred::data {

HashedFile::HashedFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw Error(Exit::io, path_.string(), cat("cannot be created: ", std::strerror(errno)));
  buffer_.reserve(limit + (size_t{1} << 18));
}

HashedFile::~HashedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void HashedFile::flush() {
  hash_.update(buffer_);
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t wrote = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0)
      throw Error(Exit::io, path_.string(), cat("writing failed: ", std::strerror(errno)));
    done += static_cast<size_t>(wrote);
  }
  buffer_.clear();
}

std::string HashedFile::finish() {
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0)
    throw Error(Exit::io, path_.string(), cat("writing failed: ", std::strerror(errno)));
  return hex(hash_.finish());
}

namespace {

// How early a row's columns are asked for, and then its item's token.
constexpr size_t rows_ahead = 24, ids_ahead = 12;

class Writer {
 public:
  Writer(const std::filesystem::path& folder, const std::string& name, RowStore& store,
         const std::vector<uint8_t>& parts)
      : folder_(folder),
        name_(name),
        store_(store),
        parts_(parts),
        fingerprint_(store.users.tokens(), store.items.tokens()),
        user_seen_(static_cast<size_t>(store.users.size()), 0),
        item_seen_(static_cast<size_t>(store.items.size()), 0) {}

  void interactions(const Selection& selection, bool source_order) {
    for (const Part part : all_parts) begin_part(part);
    if (source_order)
      rows_of_source();
    else
      rows_by_user(selection);
    for (const Part part : all_parts) {
      const auto p = static_cast<size_t>(part);
      report.files[file_name(cat(part_name(part), ".inter"))] = files_[p]->finish();
      files_[p].reset();
      count_part(static_cast<uint8_t>(p));
    }
    report.whole.users =
        std::count_if(user_seen_.begin(), user_seen_.end(), [](int s) { return s; });
    report.whole.items =
        std::count_if(item_seen_.begin(), item_seen_.end(), [](int s) { return s; });
    report.fingerprint = fingerprint_.finish();
  }

  /// `.item` or `.user`: ids in the order of the source, a column a text.
  void side(const char* suffix, const char* id_field, const IdMap& ids,
            const std::vector<uint8_t>& seen, SideTexts& texts,
            std::map<std::string, ColumnCounts>& counts) {
    HashedFile file(folder_ / file_name(suffix));
    std::string& out = file.buffer();
    out += id_field;
    for (const std::string& column : texts.columns()) out += cat("\t", column, ":token_seq");
    out += '\n';
    for (Index id = 0; id < ids.size(); ++id) {
      if (!seen[static_cast<size_t>(id)]) continue;
      append_field(out, ids.token(id));
      const std::vector<std::string>& texts_of_id = texts.of(id);
      for (size_t column = 0; column < texts.columns().size(); ++column) {
        const std::string& text = texts_of_id[column];
        ColumnCounts& count = counts[texts.columns()[column]];
        ++(text.empty() ? count.missing : count.present);
        out += '\t';
        append_field(out, text);
      }
      out += '\n';
      file.poll();
    }
    report.files[file_name(suffix)] = file.finish();
  }

  const std::vector<uint8_t>& user_seen() const { return user_seen_; }
  const std::vector<uint8_t>& item_seen() const { return item_seen_; }

  WrittenReport report;

 private:
  std::string file_name(const std::string& suffix) const { return cat(name_, ".", suffix); }

  void begin_part(Part part) {
    const auto p = static_cast<size_t>(part);
    files_[p] = std::make_unique<HashedFile>(folder_ / file_name(cat(part_name(part), ".inter")));
    std::string& out = files_[p]->buffer();
    out += "user_id:token\titem_id:token";
    if (store_.columns.rating) out += "\trating:float";
    if (store_.columns.label) out += "\tlabel:float";
    if (store_.columns.time) out += "\ttimestamp:float";
    if (store_.columns.review) out += "\treview:token_seq";
    out += '\n';
  }

  void rows_of_source() {
    SortedSpill::Record review;
    for (uint32_t row = 0; row < store_.size(); ++row) {
      if (store_.columns.review)
        check(store_.reviews.next(review) && review.key == row, "every row has a review");
      if (parts_[row] != no_part) write_row(row, review.text);
    }
  }

  void rows_by_user(const Selection& selection) {
    UserReviews reviews(store_.reviews);
    const size_t size = selection.order.size();
    for (Index user = 0; user < store_.users.size(); ++user) {
      const std::span<const uint32_t> rows = selection.rows_of(user);
      if (rows.empty()) continue;
      if (store_.columns.review) reviews.load(user, rows, parts_);
      for (const uint32_t& row : rows) {
        const auto at = static_cast<size_t>(&row - selection.order.data());
        if (at + rows_ahead < size) prefetch(selection.order[at + rows_ahead]);
        if (at + ids_ahead < size) prefetch_item(selection.order[at + ids_ahead]);
        if (parts_[row] == no_part) continue;
        write_row(row, store_.columns.review ? reviews.get(row) : std::string_view());
      }
    }
  }

  /// Rows of a user lie anywhere in the columns: each is a cache miss unless it is asked for early.
  /// (Inlined by force: GCC drops calls of a function that only prefetches.)
  [[gnu::always_inline]] inline void prefetch(uint32_t row) const {
    __builtin_prefetch(parts_.data() + row);
    __builtin_prefetch(store_.item.data() + row);
    if (store_.columns.rating) __builtin_prefetch(store_.rating.data() + row);
    if (store_.columns.time) __builtin_prefetch(store_.time.data() + row);
  }

  [[gnu::always_inline]] inline void prefetch_item(uint32_t row) const {
    __builtin_prefetch(&store_.items.token(store_.item[row]));
  }

  void write_row(uint32_t row, std::string_view review) {
    const uint8_t part = parts_[row];
    std::string& out = files_[part]->buffer();
    const Index user = store_.user[row], item = store_.item[row];
    append_field(out, store_.users.token(user));
    out += '\t';
    append_field(out, store_.items.token(item));
    if (store_.columns.rating) append_number(out += '\t', store_.rating[row]);
    if (store_.columns.label) append_number(out += '\t', store_.label[row]);
    if (store_.columns.time) append_number(out += '\t', store_.time[row]);
    if (store_.columns.review) append_field(out += '\t', review);
    out += '\n';
    files_[part]->poll();
    ++report.parts[part].interactions;
    ++report.whole.interactions;
    user_seen_[static_cast<size_t>(user)] |= static_cast<uint8_t>(1 << part);
    item_seen_[static_cast<size_t>(item)] |= static_cast<uint8_t>(1 << part);
    fingerprint_.add(static_cast<Part>(part), user, item,
                     store_.columns.label ? store_.label[row] : 0.0f);
  }

  void count_part(uint8_t part) {
    const uint8_t bit = static_cast<uint8_t>(1 << part);
    const auto in_part = [&](uint8_t seen) { return (seen & bit) != 0; };
    const auto cold = [&](uint8_t seen) { return (seen & bit) != 0 && (seen & 1) == 0; };
    Counts& counts = report.parts[part];
    counts.users = std::count_if(user_seen_.begin(), user_seen_.end(), in_part);
    counts.items = std::count_if(item_seen_.begin(), item_seen_.end(), in_part);
    const int64_t cold_items = std::count_if(item_seen_.begin(), item_seen_.end(), cold);
    if (part == 1) report.cold_valid_items = cold_items;
    if (part == 2) report.cold_test_items = cold_items;
  }

  std::filesystem::path folder_;
  std::string name_;
  RowStore& store_;
  const std::vector<uint8_t>& parts_;
  SplitFingerprint fingerprint_;
  std::array<std::unique_ptr<HashedFile>, 3> files_;
  std::vector<uint8_t> user_seen_, item_seen_;  // bit p: seen in part p
};

}  // namespace

WrittenReport write_prepared(const std::filesystem::path& folder, const std::string& name,
                             RowStore& store, const Selection& selection,
                             const std::vector<uint8_t>& parts, SideTexts& items, SideTexts& users,
                             bool source_order) {
  Writer writer(folder, name, store, parts);
  writer.interactions(selection, source_order);
  writer.side("item", "item_id:token", store.items, writer.item_seen(), items,
              writer.report.item_columns);
  writer.side("user", "user_id:token", store.users, writer.user_seen(), users,
              writer.report.user_columns);
  return std::move(writer.report);
}

}  // namespace kindred::data
