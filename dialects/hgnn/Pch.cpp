// Only here so that the precompiled header has a target; see Pch.h.
