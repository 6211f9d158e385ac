#pragma once
// Rows of ids as tensors, to be saved with a model.

#include <cstdint>
#include <string>

#include "data/dataset.h"
#include "model/tensors.h"

namespace kindred::model {

/// Rows as two tensors to be saved: `<name>.offsets` [rows + 1] int64, `<name>.items` [nnz] int32.
NamedTensors csr_tensors(const std::string& name, const data::Csr& rows);

/// Reads them back. Throws `bad_data` naming `where` when they do not fit together, hold an item
/// outside `items`, or (where `count` is not negative) are not `count` rows.
data::Csr read_csr(const NamedTensors& tensors, const std::string& name, data::Index items,
                   int64_t count, const std::string& where);

}  // namespace kindred::model
