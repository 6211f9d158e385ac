#include "data/atomic.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

/// Where a field that begins with a quotation mark ends, or npos when it never closes.
size_t quoted_end(std::string_view line, size_t begin, char separator) {
  size_t at = begin + 1;
  while ((at = line.find('"', at)) != std::string_view::npos) {
    if (at + 1 == line.size() || line[at + 1] == separator) return at + 1;
    if (line[at + 1] != '"') return std::string_view::npos;
    at += 2;
  }
  return std::string_view::npos;
}

/// The part a file's stem names ("x.train", "train", "x.part1"), with the stem without it.
struct Named {
  int part = -1;
  std::string base;
};
Named part_of(const std::string& stem) {
  static const std::map<std::string, int> names{{"train", 0}, {"valid", 1}, {"test", 2},
                                                {"part1", 0}, {"part2", 1}, {"part3", 2}};
  const size_t dot = stem.rfind('.');
  const auto found = names.find(dot == std::string::npos ? stem : stem.substr(dot + 1));
  if (found == names.end()) return {-1, stem};
  return {found->second, dot == std::string::npos ? "" : stem.substr(0, dot)};
}

fs::path choose_side(const fs::path& folder, const std::vector<fs::path>& files,
                     const std::string& base) {
  for (const fs::path& file : files)
    if (file.stem() == base) return file;
  if (files.size() > 1)
    throw Error(
        Exit::bad_data, folder.string(),
        cat("holds several ", files[0].extension().string(), " files and none named ", base,
            files[0].extension().string(), "; keep the one that belongs to the interactions"));
  return files.empty() ? fs::path() : files[0];
}

}  // namespace

const char* field_type_name(FieldType type) {
  static constexpr const char* names[] = {"token", "token_seq", "float", "float_seq"};
  return names[static_cast<int>(type)];
}

std::vector<Field> parse_header(std::string_view line, const std::string& where, char separator) {
  std::vector<Field> fields;
  std::set<std::string> seen;
  for (const std::string& text : split(line, separator)) {
    const size_t colon = text.rfind(':');
    const std::string name = text.substr(0, colon);
    std::optional<FieldType> type;
    for (const auto known :
         {FieldType::token, FieldType::token_seq, FieldType::real, FieldType::real_seq})
      if (colon != std::string::npos && text.substr(colon + 1) == field_type_name(known))
        type = known;
    if (!type || name.empty())
      throw Error(Exit::bad_data, where,
                  cat("header field '", shown(text),
                      "' is not name:type with type token, token_seq, float or float_seq"));
    if (!seen.insert(name).second)
      throw Error(Exit::bad_data, where, cat("header field '", name, "' occurs twice"));
    fields.push_back({name, *type});
  }
  return fields;
}

int find_field(const std::vector<Field>& fields, std::string_view name) {
  for (size_t i = 0; i < fields.size(); ++i)
    if (fields[i].name == name) return static_cast<int>(i);
  return -1;
}

void split_fields(std::string_view line, char separator, std::vector<std::string_view>& fields) {
  fields.clear();
  size_t begin = 0;
  while (true) {
    size_t end = std::string_view::npos;
    if (begin < line.size() && line[begin] == '"') end = quoted_end(line, begin, separator);
    if (end == std::string_view::npos) end = line.find(separator, begin);
    if (end == std::string_view::npos) end = line.size();
    fields.push_back(line.substr(begin, end - begin));
    if (end == line.size()) return;
    begin = end + 1;
  }
}

std::string unquoted(std::string_view raw) {
  if (!starts_quoted(raw) || raw.size() < 2 || quoted_end(raw, 0, '\0') != raw.size())
    return std::string(raw);
  std::string text;
  text.reserve(raw.size() - 2);
  for (size_t i = 1; i + 1 < raw.size(); ++i) {
    text += raw[i];
    if (raw[i] == '"') ++i;  // the second mark of a pair
  }
  return text;
}

namespace {

/// Blanks in place of what would end a field or a line. Arithmetic, so that the loop becomes vector
/// instructions: of comparisons the compiler makes a table of bits, looked up byte by byte.
void blank_out(char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const int blank = -(c == '\t') | -(c == '\n') | -(c == '\r') | -(c == '\0');
    text[i] = static_cast<char>((c & ~blank) | (' ' & blank));
  }
}

}  // namespace

void append_field(std::string& out, std::string_view text) {
  const size_t begin = out.size();
  if (starts_quoted(text)) {
    out += '"';
    for (const char c : text) out.append(c == '"' ? 2 : 1, c);
    out += '"';
  } else {
    out.append(text);
  }
  blank_out(out.data() + begin, out.size() - begin);
}

AtomicFiles find_atomic_files(const fs::path& folder) {
  if (!fs::exists(folder)) throw Error(Exit::missing, folder.string(), "no such folder");
  if (!fs::is_directory(folder))
    throw Error(Exit::bad_data, folder.string(), "is a file, expected a folder of atomic files");
  std::map<std::string, std::array<fs::path, 3>> splits;
  std::vector<fs::path> whole, items, users;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".item") items.push_back(path);
    if (path.extension() == ".user") users.push_back(path);
    if (path.extension() != ".inter") continue;
    const Named named = part_of(path.stem().string());
    if (named.part < 0) {
      whole.push_back(path);
    } else if (fs::path& place = splits[named.base][named.part]; place.empty()) {
      place = path;
    } else {
      throw Error(Exit::bad_data, folder.string(),
                  cat("both ", place.filename().string(), " and ", path.filename().string(),
                      " could be the same part; keep one"));
    }
  }
  if (splits.size() > 1 || (splits.empty() && whole.size() > 1))
    throw Error(Exit::bad_data, folder.string(),
                "holds the interactions of several datasets; keep one dataset a folder");
  AtomicFiles files;
  if (!splits.empty()) {
    files.parts = splits.begin()->second;
    files.name = splits.begin()->first;
    if (!files.split())
      throw Error(Exit::missing, folder.string(),
                  "has validation or test interactions but no train.inter");
  } else if (!whole.empty()) {
    files.whole = whole[0];
    files.name = whole[0].stem().string();
  } else {
    throw Error(Exit::missing, folder.string(), "holds no .inter file");
  }
  files.items = choose_side(folder, items, files.name);
  files.users = choose_side(folder, users, files.name);
  if (files.name.empty()) files.name = fs::absolute(folder).lexically_normal().filename().string();
  return files;
}

}  // namespace kindred::data
