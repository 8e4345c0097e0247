#version 330
// SPDX-License-Identifier: Apache-2.0
// What the key light sees: depth alone.
uniform mat4 view_projection; in vec3 position;
void main() { gl_Position = view_projection * vec4(position, 1.0); }
