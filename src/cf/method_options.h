#pragma once
// A method's own section of the recipe.

#include <string>

#include "core/options.h"
#include "model/method.h"

namespace kindred::cf {

/// The options of the method's section; problems go where the context collects them, or are thrown.
template <OptionStruct Options>
Options method_options(const model::MethodContext& context, const std::string& name) {
  const Json& given = context.options;
  if (given.is_null()) return {};
  if (context.problems) return read_options<Options>(given, name, *context.problems);
  return read_options<Options>(given, name);
}

}  // namespace kindred::cf
