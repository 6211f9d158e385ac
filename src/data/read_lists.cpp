// Text files of ids: a user and all its items a line, or one pair a line.

#include <array>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/find_files.h"
#include "data/lines.h"
#include "data/readers.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

/// Takes the next word of a line; empty at its end.
std::string_view next_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\v\f";
  const size_t begin = line.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return line = {};
  const size_t end = std::min(line.find_first_of(blanks, begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

class ListReader : public RawReader {
 public:
  ListReader(const fs::path& input, bool one_pair) : one_pair_(one_pair) {
    if (!fs::is_directory(input)) {
      parts_[0] = input;
      return;
    }
    const FolderFiles folder = list_data_files(input);
    parts_ = {folder.find({"train.txt"}), folder.find({"valid.txt", "val.txt", "dev.txt"}),
              folder.find({"test.txt"})};
    split_ = !parts_[0].empty();
    if (split_) return;
    std::vector<fs::path> texts;
    for (const fs::path& path : folder.files)
      if (has_data_suffix(path.filename().string(), {".txt"})) texts.push_back(path);
    parts_ = {only_file(texts, input, "ids (*.txt)")};
  }

  RawColumns columns() const override { return {}; }
  bool split() const override { return split_; }

  void interactions(RowSink& sink, ReadContext& context) override {
    for (size_t part = 0; part < parts_.size(); ++part)
      if (!parts_[part].empty())
        read(parts_[part], split_ ? static_cast<int>(part) : -1, sink, context);
  }

  std::vector<fs::path> files() const override {
    std::vector<fs::path> all;
    for (const fs::path& path : parts_)
      if (!path.empty()) all.push_back(path);
    return all;
  }

 private:
  void read(const fs::path& path, int part, RowSink& sink, ReadContext& context) const {
    LineReader lines(path);
    std::string_view line;
    while (lines.next(line)) {
      if (lines.number() % 4096 == 0) check_stop(context.stop);
      if (lines.too_long()) {
        context.bad.bad(lines.where(), cat("line above ", LineReader::default_max_line, " bytes"));
        continue;
      }
      const std::string_view user = next_word(line);
      if (user.empty()) continue;
      if (!is_utf8(user) || !is_utf8(line)) {
        context.bad.bad(lines.where(), "ids that are no UTF-8");
      } else if (one_pair_) {
        pair(user, line, part, lines, sink, context);
      } else {
        context.bad.good();
        for (std::string_view item; !(item = next_word(line)).empty();)
          give(user, item, part, lines, sink);
      }
    }
  }

  static void pair(std::string_view user, std::string_view line, int part, const LineReader& lines,
                   RowSink& sink, ReadContext& context) {
    const std::string_view item = next_word(line);
    if (item.empty() || !next_word(line).empty()) {
      context.bad.bad(lines.where(), "expected two ids, a user's and an item's");
      return;
    }
    context.bad.good();
    give(user, item, part, lines, sink);
  }

  static void give(std::string_view user, std::string_view item, int part, const LineReader& lines,
                   RowSink& sink) {
    RawRow row;
    row.user = user;
    row.item = item;
    row.part = part;
    try {
      sink.row(row);
    } catch (const Error& error) {
      throw Error(error.code(), lines.where(), error.what());
    }
  }

  bool one_pair_, split_ = false;
  std::array<fs::path, 3> parts_;
};

}  // namespace

std::unique_ptr<RawReader> open_lists(const fs::path& input, const RawOptions& options) {
  return std::make_unique<ListReader>(input, options.format == "user-item");
}

}  // namespace kindred::data
