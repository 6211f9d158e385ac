#include "eval/metrics/table.h"

#include <utf8proc.h>

#include <algorithm>

#include "eval/metrics/html.h"

namespace kindred::eval {

namespace {

const char* arrow(Mark mark) {
  switch (mark) {
    case Mark::better:
      return " \xE2\x96\xB2";
    case Mark::worse:
      return " \xE2\x96\xBC";
    default:
      return "";
  }
}

// Control characters would break the layout (or the terminal); a line break is a space.
std::string plain(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return result;
}

std::string padded(const std::string& text, int width, bool right) {
  const std::string fill(static_cast<size_t>(std::max(0, width - display_width(text))), ' ');
  return right ? fill + text : text + fill;
}

const Cell& cell_at(const std::vector<Cell>& row, size_t column) {
  static const Cell blank;
  return column < row.size() ? row[column] : blank;
}

std::string terminal_cell(const Cell& cell) {
  return plain(cell.text) + arrow(cell.mark) + (cell.strong ? " *" : "");
}

std::string markdown_cell(const Cell& cell) {
  std::string text;
  for (const char c : plain(cell.text) + arrow(cell.mark)) {
    if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '_' || c == '<' || c == '[')
      text += '\\';
    text += c;
  }
  return cell.strong && !text.empty() ? "**" + text + "**" : text;
}

std::string html_cell(const Cell& cell, bool numeric) {
  std::string classes = numeric ? "number" : "";
  if (cell.mark == Mark::better) classes += " better";
  if (cell.mark == Mark::worse) classes += " worse";
  const std::string text = html_escape(cell.text + arrow(cell.mark));
  return "<td" + (classes.empty() ? "" : " class=\"" + classes + "\"") + ">" +
         (cell.strong ? "<strong>" + text + "</strong>" : text) + "</td>";
}

std::string trimmed_line(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = -1;
    const auto length =
        utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    width += length <= 0 ? 1 : utf8proc_charwidth(code);
    i += length <= 0 ? 1 : static_cast<size_t>(length);
  }
  return width;
}

std::string to_text(const Table& table) {
  std::vector<int> widths;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    int width = display_width(plain(table.columns[c].name));
    for (const auto& row : table.rows) {
      width = std::max(width, display_width(terminal_cell(cell_at(row, c))));
    }
    widths.push_back(width);
  }
  std::string text = table.title.empty() ? "" : plain(table.title) + "\n";
  const auto add_line = [&](const auto& cell_text) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      line += (c == 0 ? "" : "  ") + padded(cell_text(c), widths[c], table.columns[c].numeric);
    }
    text += trimmed_line(std::move(line));
  };
  add_line([&](size_t c) { return plain(table.columns[c].name); });
  add_line([&](size_t c) { return std::string(static_cast<size_t>(widths[c]), '-'); });
  for (const auto& row : table.rows) {
    add_line([&](size_t c) { return terminal_cell(cell_at(row, c)); });
  }
  return table.caption.empty() ? text : text + table.caption + "\n";
}

std::string to_markdown(const Table& table) {
  std::string text = table.title.empty() ? "" : "### " + plain(table.title) + "\n\n";
  std::string rule = "|";
  text += "|";
  for (const Column& column : table.columns) {
    text += " " + markdown_cell(column.name) + " |";
    rule += column.numeric ? "---:|" : "---|";
  }
  text += "\n" + rule + "\n";
  for (const auto& row : table.rows) {
    text += "|";
    for (size_t c = 0; c < table.columns.size(); ++c)
      text += " " + markdown_cell(cell_at(row, c)) + " |";
    text += "\n";
  }
  return table.caption.empty() ? text : text + "\n" + plain(table.caption) + "\n";
}

std::string to_html(const Table& table) {
  std::string html = "<figure>\n";
  if (!table.title.empty()) html += "<h3>" + html_escape(table.title) + "</h3>\n";
  constexpr size_t many = 8;  // columns above this are set closer, their names may wrap
  html += table.columns.size() > many ? "<div class=\"scroll\"><table class=\"wide\">\n<thead><tr>"
                                      : "<div class=\"scroll\"><table>\n<thead><tr>";
  for (const Column& column : table.columns) {
    html += column.numeric ? "<th class=\"number\">" : "<th>";
    html += html_escape(column.name) + "</th>";
  }
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (size_t c = 0; c < table.columns.size(); ++c) {
      html += html_cell(cell_at(row, c), table.columns[c].numeric);
    }
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (!table.caption.empty())
    html += "<figcaption>" + html_escape(table.caption) + "</figcaption>\n";
  return html + "</figure>\n";
}

}  // namespace kindred::eval
