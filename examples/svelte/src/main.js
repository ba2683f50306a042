// Where the page begins: the app, and the address of the server that it sends to.
import { mount } from "svelte";
import App from "./App.svelte";
import "./style.css";

const to = import.meta.env.VITE_HOLDFAST ?? "http://127.0.0.1:8420";

mount(App, { target: document.getElementById("app"), props: { to } });
