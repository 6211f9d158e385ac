#pragma once
// Small tables for people, in three forms: terminal text, Markdown, HTML.

#include <string>
#include <string_view>
#include <vector>

namespace kindred::eval {

/// What a cell says against a reference; shown as an arrow, and a colour in HTML.
enum class Mark { none, better, worse };

struct Cell {
  std::string text;
  Mark mark = Mark::none;
  bool strong = false;  ///< bold where the form has it, an asterisk in terminal text

  Cell(std::string text_value = "") : text(std::move(text_value)) {}
  Cell(const char* text_value) : text(text_value) {}
  Cell(std::string text_value, Mark mark_value, bool strong_value)
      : text(std::move(text_value)), mark(mark_value), strong(strong_value) {}
};

struct Column {
  std::string name;
  bool numeric = false;  ///< aligned right
};

/// Rows may be shorter than the header: the rest is blank. Captions say the protocol of every
/// metric.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  std::string caption;
};

/// Aligned columns for a terminal, by displayed width (wide East Asian characters take two places).
std::string to_text(const Table& table);
/// A pipe table; pipes and line breaks inside cells are made harmless.
std::string to_markdown(const Table& table);
/// A <figure> for html_page; all texts are escaped.
std::string to_html(const Table& table);

/// Places a text takes on a terminal.
int display_width(std::string_view text);

}  // namespace kindred::eval
