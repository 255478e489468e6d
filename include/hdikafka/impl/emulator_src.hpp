// What impl/src.hpp is to the library, for the emulator.
#ifndef HDIKAFKA_IMPL_EMULATOR_SRC_HPP
#define HDIKAFKA_IMPL_EMULATOR_SRC_HPP

#include <hdikafka/detail/emulator/handle.hpp>

namespace hdikafka::inline v0_1 {

template class basic_emulator<>;

} // namespace hdikafka::inline v0_1

#endif
