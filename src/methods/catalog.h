#pragma once
// Every recommender by name: the one visible list.

#include <span>

#include "model/method.h"

namespace kindred::methods {

/// All of them, in the order `kindred list` prints.
std::span<const model::CatalogEntry> catalog();

/// The entry of that name; throws `config` with the known names and the nearest.
const model::CatalogEntry& find(const std::string& name);

}  // namespace kindred::methods
