// What impl/src.hpp is to the library, for the emulator. Layer: optional.
#ifndef HDIKAFKA_IMPL_EMULATOR_SRC_HPP
#define HDIKAFKA_IMPL_EMULATOR_SRC_HPP

#include <hdikafka/impl/emulator.hpp>

namespace hdikafka::inline v0_1 {

template class basic_emulator<>;

} // namespace hdikafka::inline v0_1

#endif
