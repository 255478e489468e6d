// The file of a program that compiles the library once for all others.
#define HDIKAFKA_SOURCE
#include <hdikafka.hpp>
