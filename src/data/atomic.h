#pragma once
// RecBole atomic files: a header of `name:type` fields, a row a line, tabs between fields.

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kindred::data {

enum class FieldType { token, token_seq, real, real_seq };
const char* field_type_name(FieldType type);  ///< as in a header: "float" for `real`

/// A column of an atomic file.
struct Field {
  std::string name;
  FieldType type = FieldType::token;
};

/// Reads a header line. Throws `bad_data` naming the field that has no known type or occurs twice.
std::vector<Field> parse_header(std::string_view line, const std::string& where,
                                char separator = '\t');
/// The column of a name, or -1.
int find_field(const std::vector<Field>& fields, std::string_view name);

/// The raw fields of a line. A field that begins with a quotation mark and whose closing mark
/// stands before a separator or the line's end is one field whatever is inside, as in CSV; where no
/// such mark follows, the first mark is an ordinary character.
void split_fields(std::string_view line, char separator, std::vector<std::string_view>& fields);

/// A raw field without its CSV quoting (where it has any).
std::string unquoted(std::string_view raw);
inline bool starts_quoted(std::string_view raw) {
  return !raw.empty() && raw.front() == '"';
}

/// Appends a text as one field: tabs, line ends and NULs become blanks, and a text that begins with
/// a quotation mark is quoted, so that pandas reads the same text.
void append_field(std::string& out, std::string_view text);

/// The atomic files of a folder: what load_dataset and the reader find.
struct AtomicFiles {
  std::array<std::filesystem::path, 3> parts;  ///< by Part; empty where absent
  std::filesystem::path whole;                 ///< an unsplit .inter, where there is one
  std::filesystem::path items, users;          ///< .item and .user, empty where absent
  std::string name;                            ///< the dataset's name
  bool split() const { return !parts[0].empty(); }
};

/// Finds `<name>.{train,valid,test}.inter`, bare `{train,valid,test}.inter`,
/// `<name>.part{1,2,3}.inter` or one unsplit `.inter`, and the `.item` and `.user` beside them (of
/// the same name, else the only one). Throws `missing` or `bad_data` where the folder is not so or
/// the choice is ambiguous.
AtomicFiles find_atomic_files(const std::filesystem::path& folder);

}  // namespace kindred::data
