#pragma once
// Text into HTML: escaping, and the page that holds reports and comparisons.

#include <string>
#include <string_view>

namespace kindred::eval {

/// Text safe inside elements and quoted attributes: & < > " ' are escaped, bytes that are no UTF-8
/// and control characters become U+FFFD.
std::string html_escape(std::string_view text);

/// A whole page with the project's style: one file, no network, no script; light or dark as the
/// reader's system asks. `title` is text, `body` is HTML.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace kindred::eval
